"""Silver's own account: how much was quarantined, is every key unique, is every Bronze row accounted for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.merge import Scope
from ledger.pipelines.attempt import Run
from ledger.pipelines.silver_candidates import SOURCES, landing_of
from ledger.pipelines.silver_evaluated import Evaluated
from ledger.quality.verdict import Verdict, verdict
from ledger.rules import RuleBook
from ledger.silver import bad_records, ledger_entries, wallet_snapshot
from ledger.silver.window_rows import read_window
from ledger.window import Window, lit_ts

QUARANTINE_RATE, UNIQUE_KEYS, ACCOUNTED = "quarantine_rate", "unique_keys", "every_bronze_row_accounted_for"
GUARDED = (
    wallet_snapshot.TABLE,
    ledger_entries.TABLE,
)  # the tables whose rate stops the run (spec section 5)


def quarantine_verdicts(evaluated: Sequence[Evaluated], rules: RuleBook) -> list[Verdict]:
    """The share of rejected rows per table. Above the rule it stops the run for wallets and ledger, else it warns."""
    rule = rules["silver/bad_records_rate"]
    return [
        verdict(
            item.table.full_name,
            QUARANTINE_RATE,
            f"{item.bad_rows:,} of {item.bad_rows + item.valid_rows:,} rows are quarantined",
            passed=item.bad_rate <= Fraction(rule.fail_above),
            value=item.bad_rate,
            threshold=f"> {rule.fail_above.normalize():f} "
            + ("stops the run" if item.table in GUARDED else "warns"),
            rule=rule,
            is_error=item.table in GUARDED,
            details={"bad_rows": item.bad_rows, "valid_rows": item.valid_rows},
        )
        for item in evaluated
    ]


@dataclass(frozen=True)
class _Counted:
    """What a second look at the tables counts, by table."""

    bronze: Mapping[str, int]
    stored: Mapping[str, int]
    keys: Mapping[str, int]
    quarantined: Mapping[str, int]


def account_verdicts(run: Run, window: Window, evaluated: Sequence[Evaluated]) -> list[Verdict]:
    """Held against the stored tables, not against the run's own arithmetic: unique keys, and nothing lost.

    One query over all tables; the engine reads the key and time columns of the touched partitions only.
    """
    counted = _count(run, window, evaluated)
    return [v for item in evaluated for v in (_unique(item, counted), _accounted(item, counted))]


def _count(run: Run, window: Window, evaluated: Sequence[Evaluated]) -> _Counted:
    frames = []
    for item in evaluated:
        name = item.table.full_name
        for source in SOURCES[item.table]:
            frames.append(_one_row(read_window(landing_of(run, window), source, window), "bronze", name))
        scope = Scope.of(item.days) if item.table.partition_by else None
        keys = list(item.table.key)
        per_key = run.lakehouse.read(item.table, scope).groupBy(*keys).agg(F.count(F.lit(1)).alias("_n"))
        counts = per_key.agg(F.coalesce(F.sum("_n"), F.lit(0)).alias("n"), F.count(F.lit(1)).alias("k"))
        frames.append(counts.select(F.lit("stored").alias("what"), F.lit(name).alias("name"), "n", "k"))
    mine = run.lakehouse.read(bad_records.TABLE, Scope(start=window.date_kst)).where(
        (F.col("run_id") == run.run_id)
        & (F.col("window_start_ts") == lit_ts(window.start))
        & (F.col("window_end_ts") == lit_ts(window.end))
    )
    per_table = mine.groupBy(F.col("source_table").alias("name")).agg(F.count(F.lit(1)).alias("n"))
    frames.append(per_table.select(F.lit("quarantined").alias("what"), "name", "n", F.lit(0).alias("k")))
    found: dict[str, dict[str, int]] = {"bronze": {}, "stored": {}, "keys": {}, "quarantined": {}}
    for row in reduce(DataFrame.unionByName, frames).collect():
        counts_of = found[row["what"]]
        counts_of[row["name"]] = counts_of.get(row["name"], 0) + row["n"]
        if row["what"] == "stored":
            found["keys"][row["name"]] = row["k"]
    return _Counted(**found)


def _one_row(rows: DataFrame, what: str, name: str) -> DataFrame:
    return rows.agg(F.count(F.lit(1)).alias("n")).select(
        F.lit(what).alias("what"), F.lit(name).alias("name"), "n", F.lit(0).cast("bigint").alias("k")
    )


def _unique(item: Evaluated, counted: _Counted) -> Verdict:
    name = item.table.full_name
    rows = counted.stored.get(name, 0)
    repeated = rows - counted.keys.get(name, 0)
    where = "in the partitions of the day's rows" if item.table.partition_by else "in the table"
    return verdict(
        name,
        UNIQUE_KEYS,
        f"{repeated:,} of {rows:,} rows {where} repeat a key ({', '.join(item.table.key)})",
        passed=repeated == 0,
        value=repeated,
        threshold="0",
    )


def _accounted(item: Evaluated, counted: _Counted) -> Verdict:
    """Bronze rows = rows kept + rows collapsed into them + rows quarantined, each counted where it is stored."""
    name = item.table.full_name
    arrived, saved = counted.bronze.get(name, 0), counted.quarantined.get(name, 0)
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
