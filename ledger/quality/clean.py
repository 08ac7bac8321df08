"""Silver's own account: how much was quarantined, is every key unique, is every Bronze row accounted for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import Row

from ledger.contract import Table
from ledger.delta.scope import Scope
from ledger.pipelines.attempt import Run
from ledger.pipelines.silver_candidates import landing_of
from ledger.pipelines.silver_evaluated import Evaluated
from ledger.quality.measured import Answer, answers, measured, value_of
from ledger.quality.verdict import Verdict, verdict
from ledger.rules import RuleBook
from ledger.silver import bad_records
from ledger.silver.silver_table import BAD_RATE_RULE
from ledger.silver.window_rows import read_window
from ledger.window import Window, lit_ts

QUARANTINE_RATE, UNIQUE_KEYS, ACCOUNTED = "quarantine_rate", "unique_keys", "every_bronze_row_accounted_for"
_QUARANTINED = "quarantined"


def quarantine_verdicts(evaluated: Sequence[Evaluated], rules: RuleBook) -> list[Verdict]:
    """The share of rejected rows per table. Above the rule it stops the run where the table is guarded, else it warns."""
    rule = rules[BAD_RATE_RULE]
    return [
        verdict(
            item.table.full_name,
            QUARANTINE_RATE,
            f"{item.bad_rows:,} of {item.bad_rows + item.valid_rows:,} rows are quarantined",
            passed=item.bad_rate <= Fraction(rule.fail_above),
            value=item.bad_rate,
            threshold=f"> {rule.fail_above.normalize():f} "
            + ("stops the run" if item.silver.is_guarded else "warns"),
            rule=rule,
            is_error=item.silver.is_guarded,
            details={"bad_rows": item.bad_rows, "valid_rows": item.valid_rows},
        )
        for item in evaluated
    ]


def account_verdicts(run: Run, window: Window, evaluated: Sequence[Evaluated]) -> list[Verdict]:
    """Held against the stored tables, not against the run's own arithmetic: unique keys, and nothing lost.

    One query over all tables; the engine reads the key and time columns of the touched partitions only. A
    question that fails for one table is measured for the others.
    """
    questions: dict[str, Callable[[], DataFrame]] = {_QUARANTINED: partial(_quarantined, run, window)}
    for item in evaluated:
        questions[item.table.full_name] = partial(_stored, run, item)
        for source in item.silver.bronze:
            questions[source.full_name] = partial(_arrived, run, window, source)
    found = answers(questions)
    return [
        measured(item.table.full_name, check, partial(judge, item, found))
        for item in evaluated
        for check, judge in ((UNIQUE_KEYS, _unique), (ACCOUNTED, _accounted))
    ]


def _stored(run: Run, item: Evaluated) -> DataFrame:
    """Rows and keys where the day's rows lie: (what, n rows, k keys).

    Sums, no counts: the embedded engine refuses an aggregate of counts over files of one row each, because one of
    its steps takes a count for nullable and the next does not (docs/engines.md).
    """
    scope = Scope.of(item.days) if item.table.partition_by else None
    per_key = run.lakehouse.read(item.table, scope).groupBy(*item.table.key).agg(F.sum(F.lit(1)).alias("_n"))
    return per_key.agg(F.sum("_n").alias("n"), F.sum(F.lit(1)).alias("k")).select(
        F.lit("rows").alias("what"), "n", "k"
    )


def _arrived(run: Run, window: Window, source: Table) -> DataFrame:
    rows = read_window(landing_of(run, window), source, window).agg(F.sum(F.lit(1)).alias("n"))
    return rows.select(F.lit("rows").alias("what"), "n", F.lit(0).cast("bigint").alias("k"))


def _quarantined(run: Run, window: Window) -> DataFrame:
    """This run's quarantined rows per Silver table."""
    mine = run.lakehouse.read(bad_records.TABLE, Scope(start=window.date_kst)).where(
        (F.col("run_id") == run.run_id)
        & (F.col("window_start_ts") == lit_ts(window.start))
        & (F.col("window_end_ts") == lit_ts(window.end))
    )
    per_table = mine.groupBy(F.col("source_table").alias("what")).agg(F.sum(F.lit(1)).alias("n"))
    return per_table.select("what", "n", F.lit(0).cast("bigint").alias("k"))


def _total(rows: Sequence[Row], column: str, what: str = "rows") -> int:
    return sum(row[column] or 0 for row in rows if row["what"] == what)


def _unique(item: Evaluated, found: Mapping[str, Answer]) -> Verdict:
    name = item.table.full_name
    stored = value_of(found[name])
    rows = _total(stored, "n")
    repeated = rows - _total(stored, "k")
    where = "in the partitions of the day's rows" if item.table.partition_by else "in the table"
    return verdict(
        name,
        UNIQUE_KEYS,
        f"{repeated:,} of {rows:,} rows {where} repeat a key ({', '.join(item.table.key)})",
        passed=repeated == 0,
        value=repeated,
        threshold="0",
    )


def _accounted(item: Evaluated, found: Mapping[str, Answer]) -> Verdict:
    """Bronze rows = rows kept + rows collapsed into them + rows quarantined, each counted where it is stored."""
    name = item.table.full_name
    arrived = sum(_total(value_of(found[source.full_name]), "n") for source in item.silver.bronze)
    saved = _total(value_of(found[_QUARANTINED]), "n", name)
    collapsed = item.rows_read - item.valid_rows - item.bad_rows
    unseen, unsaved = arrived - item.rows_read, item.bad_rows - saved
    problems = [f"{unseen:,} Bronze rows were not evaluated"] if unseen > 0 else []
    problems += [f"{-unseen:,} rows more were evaluated than Bronze has"] if unseen < 0 else []
    problems += [f"{unsaved:,} rejected rows are not in the quarantine"] if unsaved > 0 else []
    problems += [f"{-collapsed:,} rows more were kept than read"] if collapsed < 0 else []
    text = (
        f"{arrived:,} Bronze rows: {item.valid_rows:,} kept, {collapsed:,} collapsed, {saved:,} quarantined"
    )
    return verdict(
        name,
        ACCOUNTED,
        "; ".join(problems) or text,
        passed=not problems,
        value=abs(unseen) + max(0, unsaved) + max(0, -collapsed),
        threshold="0",
        # Rows that another load brought meanwhile wait for the next run; anything else is a fault of ours.
        is_error=not (unseen > 0 and len(problems) == 1),
        details={
            "bronze_rows": arrived,
            "kept_rows": item.valid_rows,
            "collapsed_rows": collapsed,
            "quarantined_rows": saved,
        },
    )
