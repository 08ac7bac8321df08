"""The guardrail's verdict on a day's inputs, as B's rows carry it (spec section 7)."""

from __future__ import annotations

from datetime import date
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.delta.answers import question
from ledger.delta.scope import Scope
from ledger.pipelines.attempt import Run
from ledger.silver import dq_status

_TAGGED_INPUTS = ("bronze.transaction_ledger_raw", "bronze.user_wallets_raw")


def day_tag(run: Run, day: date) -> str | None:
    """The most severe guardrail tag of the day's ledger and wallet inputs, ties by the order of the tags.

    A later evaluation whose window covers an earlier one replaces it.
    """
    rows = run.lakehouse.answer(dq_status.TABLE, _tagged_rows, Scope.of([day]))
    return most_severe_tag([row.asDict() for row in rows])


@question(
    source_table=str, dq_tag=str, severity=str, window_start_ts=int, window_end_ts=int, generated_at=int
)
def _tagged_rows(table: DataFrame) -> DataFrame:
    times = [F.unix_micros(c).alias(c) for c in ("window_start_ts", "window_end_ts", "generated_at")]
    inputs = table.where(F.col("source_table").isin(*_TAGGED_INPUTS))
    return inputs.select("source_table", "dq_tag", "severity", *times)


def most_severe_tag(evaluations: list[dict[str, Any]]) -> str | None:
    """:func:`day_tag` over plain rows (times as comparable numbers)."""
    ordered = sorted(evaluations, key=lambda e: e["generated_at"])
    standing = [
        e
        for i, e in enumerate(ordered)
        if not any(
            later["source_table"] == e["source_table"]
            and later["window_start_ts"] <= e["window_start_ts"]
            and later["window_end_ts"] >= e["window_end_ts"]
            for later in ordered[i + 1 :]
        )
    ]
    tagged = [e for e in standing if e["dq_tag"] is not None]
    if not tagged:
        return None
    worst = min(
        tagged,
        key=lambda e: (dq_status.SEVERITY_ORDER.index(e["severity"]), dq_status.TAG_ORDER.index(e["dq_tag"])),
    )
    return str(worst["dq_tag"])
