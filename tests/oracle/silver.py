"""Section 5, second half: one Silver run over one KST day.

Order of events: evaluate all tables, save `bad_records`, judge the bad rates, and only then merge.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from tests.oracle.contract import BRONZE, Row
from tests.oracle.landing import rows_in_window
from tests.oracle.rules import RuleBook
from tests.oracle.silver_rules import (
    TARGETS,
    earliest_order,
    latest_order,
    related_orders,
    row_reason,
    silver_row,
    status_reason,
)
from tests.oracle.values import Window, kst_date, ratio

KEYS = {
    "wallet_snapshot": ("snapshot_ts", "user_id"),
    "ledger_entries": ("tx_id", "wallet_id"),
    "order_events": ("order_ref", "order_source"),
    "order_items": ("item_id",),
    "products": ("product_id",),
}
SOURCE_ORDER = ("_source_extracted_at", "_ingested_at", "_batch_id")
NOT_BUSINESS = ("run_id", "rule_id", *SOURCE_ORDER)
# Ledger entries are immutable in these; everything else of an entry follows from them or may be updated.
LEDGER_FACTS = ("entry_type", "amount", "related_id", "event_time")
FAIL_FAST_TABLES = ("wallet_snapshot", "ledger_entries")

LATEST = latest_order(*SOURCE_ORDER)
EARLIEST = earliest_order(*SOURCE_ORDER)


class BadRateExceeded(Exception):
    """Fail-fast: a table's share of bad records is above rule `silver/bad_records_rate`."""


@dataclass
class Evaluation:
    """Result of a window, before anything is written. `bad` holds (silver table, reason, Bronze row)."""

    bad: list[tuple[str, str, Row]] = field(default_factory=list)
    valid: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in KEYS})

    def bad_rate(self, table: str) -> Fraction:
        """`bad / (bad + valid)`: bad with conflicting duplicates, valid after collapsing."""
        bad = sum(1 for target, _, _ in self.bad if target == table)
        return ratio(bad, bad + len(self.valid[table]))


def evaluate(
    tables: dict[str, list[Row]], window: Window, rules: RuleBook, run_id: str, lookback_days: int
) -> Evaluation:
    """Judge every Bronze row of the window and reduce the good ones to one row per key.

    `tables` holds live Bronze rows only, and Silver without what superseded rows left there (`repair`).
    """
    bronze = {name: rows_in_window(name, tables[f"bronze.{name}"], window) for name in BRONZE}
    related = related_orders(
        bronze["payment_orders_raw"],
        bronze["orders_raw"],
        tables["silver.order_events"],
        window,
        lookback_days,
    )
    result = Evaluation()
    for table, rows in bronze.items():
        target = TARGETS[table]
        good: list[Row] = []
        for row in rows:
            reason = row_reason(table, row, rules)
            if reason is None:
                candidate = silver_row(table, row, related, rules, run_id) | {"~bronze": row}
                if target == "ledger_entries":
                    reason = status_reason(candidate["status"], rules)
            if reason is None:
                good.append(candidate)
            else:
                result.bad.append((target, reason, row))
        if target == "ledger_entries":
            good, conflicting = split_conflicts(good, tables["silver.ledger_entries"])
            result.bad += [(target, "conflicting_duplicate", row["~bronze"]) for row in conflicting]
        else:
            good = [max(group, key=LATEST) for group in by_key(target, good).values()]
        result.valid[target] += good
    return result


def by_key(table: str, rows: Iterable[Row]) -> dict[tuple[object, ...], list[Row]]:
    """Rows grouped by the table's merge key, in order of appearance."""
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in KEYS[table])].append(row)
    return groups


def contradicts(left: Row, right: Row) -> bool:
    """Whether two ledger rows of one key disagree on what an entry can never change."""
    return any(left[name] != right[name] for name in LEDGER_FACTS)


def split_conflicts(rows: list[Row], stored: list[Row]) -> tuple[list[Row], list[Row]]:
    """The earliest row per key, stored entry included, stays; rows that contradict it are quarantined.

    Returns (one row per key that agrees with the winner, conflicting rows). A key of which every window row
    contradicts the stored entry contributes no valid row.
    """
    stored_by_key = by_key("ledger_entries", stored)
    kept, conflicting = [], []
    for key, group in by_key("ledger_entries", rows).items():
        # The stored entry comes first: on a tie of the source order it stays.
        winner = min(stored_by_key.get(key, []) + group, key=EARLIEST)
        agreeing = [row for row in group if not contradicts(row, winner)]
        conflicting += [row for row in group if contradicts(row, winner)]
        if agreeing:
            kept.append(min(agreeing, key=EARLIEST))
    return kept, conflicting


def save_bad_records(
    bad_records: list[Row],
    evaluation: Evaluation,
    window: Window,
    rules: RuleBook,
    run_id: str,
    clock: datetime,
) -> int:
    """Append the quarantined rows; those that the same run and window saved before are not saved twice.

    Grain: one row per Bronze row and reason. `~identity` tells identical source rows apart. Returns the count
    saved.
    """
    saved = Counter(
        row["~identity"]
        for row in bad_records
        if (row["run_id"], row["window_start_ts"], row["window_end_ts"]) == (run_id, window.start, window.end)
    )
    deciding = {"invalid_entry_type": "entry_type_allowed", "invalid_status": "payment_status_allowed"}
    appended = 0
    for target, reason, row in evaluation.bad:
        identity = (target, reason, id(row))
        if saved[identity]:
            continue
        appended += 1
        bad_records.append(
            {
                "detected_date_kst": kst_date(clock),
                "source_table": f"silver.{target}",
                "reason": reason,
                "record_json": row,
                "run_id": run_id,
                "rule_id": rules.get("silver", deciding.get(reason, "bad_records_rate")).rule_id,
                "detected_at": clock,
                "window_start_ts": window.start,
                "window_end_ts": window.end,
                "~identity": identity,
            }
        )
    return appended


def judge(evaluation: Evaluation, rules: RuleBook) -> None:
    """Raise BadRateExceeded when wallets or ledger are above the limit (`>`; equal passes)."""
    rule = rules.get("silver", "bad_records_rate")
    broken = [table for table in FAIL_FAST_TABLES if rule.fails(evaluation.bad_rate(table))]
    if broken:
        rates = ", ".join(f"{table} {float(evaluation.bad_rate(table)):.6f}" for table in broken)
        raise BadRateExceeded(f"{rates} above {rule.rule_id}")


def merge(
    table: str, stored: list[Row], incoming: list[Row], advance_source_order: bool
) -> list[tuple[Row | None, Row]]:
    """Merge the window's rows into a Silver table, in place. Returns (before, after) of each row written.

    A key is looked for in the whole table, so that it never exists twice. A row is updated only when a
    business column changed; `run_id` stays otherwise. With `advance_source_order`, an identical row that
    comes earlier (ledger) or later (the others) in the source order moves the stored row's place, but nothing
    else: without it the outcome would depend on the order in which days run.
    """
    positions = {tuple(row[name] for name in KEYS[table]): at for at, row in enumerate(stored)}
    written: list[tuple[Row | None, Row]] = []
    for row in incoming:
        new = {name: value for name, value in row.items() if name != "~bronze"}
        at = positions.get(tuple(row[name] for name in KEYS[table]))
        if at is None:
            stored.append(new)
            written.append((None, new))
            continue
        old = stored[at]
        place = {name: new[name] for name in SOURCE_ORDER}
        if table == "ledger_entries":
            # An agreeing row may carry a new status; its place counts only when it is the earlier one.
            moves = EARLIEST(new) < EARLIEST(old)
            if not contradicts(new, old) and not moves:
                new |= {name: old[name] for name in SOURCE_ORDER}
        else:
            # The contract gives wallet_snapshot no source order columns, but without "latest holds against
            # the
            # stored row too" a rerun of an older window would bring back a corrected snapshot's old value.
            if LATEST(new) < LATEST(old):
                continue
            moves = LATEST(new) > LATEST(old)
        if any(new[name] != old[name] for name in new if name not in NOT_BUSINESS):
            stored[at] = new
            written.append((old, new))
        elif moves and advance_source_order:
            stored[at] = old | place
    return written
