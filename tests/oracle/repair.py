"""Section 4: Silver sets right what came from rows that are no longer live.

A key that a dead row of the window has is decided anew: by the live rows alone, wherever they landed, as if the dead
one had never come. A key that no live row has goes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.oracle.contract import BRONZE, Row
from tests.oracle.landing import belongs, rows_in_window
from tests.oracle.live import LandingLog
from tests.oracle.rules import RuleBook
from tests.oracle.silver import EARLIEST, KEYS, LATEST, LEDGER_FACTS, NOT_BUSINESS, SOURCE_ORDER
from tests.oracle.silver_rules import (
    TARGETS,
    RelatedOrders,
    related_orders,
    row_reason,
    silver_row,
    status_reason,
)
from tests.oracle.values import Window

RELATION = ("related_type", "status")
ENTRY = ("tx_id", "wallet_id", *LEDGER_FACTS)
Key = tuple[object, ...]
Tables = dict[str, list[Row]]


@dataclass
class Repair:
    """Start of a run: live Bronze rows, Silver as they leave it, and the stored rows that this took away."""

    tables: Tables
    taken: dict[str, dict[Key, Row]] = field(default_factory=lambda: {name: {} for name in KEYS})
    orders: set[str] = field(default_factory=set)  # of which a dead row speaks

    def took(self, table: str, row: Row) -> bool:
        """Whether the row's key was decided anew, so that its change shows in `settle`."""
        return key_of(table, row) in self.taken[table]

    def settle(self, table: str, stored: list[Row]) -> list[tuple[Row | None, Row]]:
        """After the merge: a row that came back as it was keeps its run; else its (before, after) is a change.

        What is gone altogether changes its day, too: it stands as both.
        """
        changes: list[tuple[Row | None, Row]] = []
        for key, old in self.taken[table].items():
            at = next((at for at, row in enumerate(stored) if key_of(table, row) == key), None)
            if at is None:
                changes.append((None, old))
            elif any(stored[at][name] != old[name] for name in old if name not in NOT_BUSINESS):
                changes.append((old, stored[at]))
            else:
                stored[at] |= {name: old[name] for name in ("run_id", "rule_id") if name in old}
        return changes


def key_of(table: str, row: Row) -> Key:
    """The merge key."""
    return tuple(row[name] for name in KEYS[table])


def repair(
    tables: Tables, log: LandingLog, window: Window, rules: RuleBook, run_id: str, lookback_days: int
) -> Repair:
    """Take away what dead rows of the window left in Silver; put in its place what live rows of other windows say."""
    live, dead = {}, {}
    for name in BRONZE:
        live[name], dead[name] = log.split(tables[f"bronze.{name}"])
    result = Repair(tables | {f"bronze.{name}": rows for name, rows in live.items()})
    for target, keys in _dead_keys(dead, window, rules).items():
        stored = tables[f"silver.{target}"]
        if target == "order_events":
            result.orders = {str(order_ref) for order_ref, _ in keys}
        result.taken[target] = {key: row for row in stored if (key := key_of(target, row)) in keys}
        result.tables[f"silver.{target}"] = [dict(row) for row in stored if key_of(target, row) not in keys]
    for target, taken in result.taken.items():
        found: dict[Key, list[Row]] = {key: [] for key in taken}
        for name in (source for source, its in TARGETS.items() if its == target and taken):
            for row in live[name]:
                if not belongs(name, row, window) and row_reason(name, row, rules) is None:
                    other = _candidate(result.tables, name, row, rules, run_id, lookback_days)
                    if other is not None and key_of(target, other) in found:
                        found[key_of(target, other)].append(other)
        result.tables[f"silver.{target}"] += [_winner(target, rows) for rows in found.values() if rows]
    return result


def relate_again(
    tables: Tables,
    log: LandingLog,
    orders: set[str],
    window: Window,
    rules: RuleBook,
    run_id: str,
    lookback_days: int,
) -> list[tuple[Row | None, Row]]:
    """Entries of other landing days that name an order of which a dead row spoke: what they relate to, as it now is.

    In place; after the merges. Returns (before, after) of each entry that this changed.
    """
    ledger, _ = log.split(tables["bronze.transaction_ledger_raw"])
    live = tables | {
        name: log.split(tables[name])[0] for name in ("bronze.payment_orders_raw", "bronze.orders_raw")
    }
    changes: list[tuple[Row | None, Row]] = []
    for at, entry in enumerate(tables["silver.ledger_entries"]):
        for row in ledger if entry["related_id"] in orders else ():
            is_bad = row_reason("transaction_ledger_raw", row, rules) is not None
            if is_bad or belongs("transaction_ledger_raw", row, window):
                continue
            made = _candidate(live, "transaction_ledger_raw", row, rules, run_id, lookback_days)
            same = made is not None and all(made[name] == entry[name] for name in (*SOURCE_ORDER, *ENTRY))
            if made is not None and same and any(made[name] != entry[name] for name in RELATION):
                after = entry | {name: made[name] for name in (*RELATION, "run_id")}
                tables["silver.ledger_entries"][at] = after
                changes.append((entry, after))
    return changes


def _winner(target: str, rows: list[Row]) -> Row:
    """Entries never change: the earliest stays. Of everything else the latest does."""
    return min(rows, key=EARLIEST) if target == "ledger_entries" else max(rows, key=LATEST)


def _dead_keys(dead: Tables, window: Window, rules: RuleBook) -> dict[str, set[Key]]:
    """Silver table -> the keys of the window's dead rows that were good once; others never reached Silver."""
    keys: dict[str, set[Key]] = {}
    for name, rows in dead.items():
        good = [row for row in rows_in_window(name, rows, window) if row_reason(name, row, rules) is None]
        made = (silver_row(name, row, RelatedOrders(), rules, "") for row in good)
        keys.setdefault(TARGETS[name], set()).update(key_of(TARGETS[name], row) for row in made)
    return keys


def _candidate(
    tables: Tables, name: str, row: Row, rules: RuleBook, run_id: str, lookback_days: int
) -> Row | None:
    """A good live row of another window in its Silver shape, judged as the run of its landing day judges it."""
    if name != "transaction_ledger_raw":
        return silver_row(name, row, RelatedOrders(), rules, run_id)
    home = Window.of_day(row["ingest_date_kst"])
    payments, orders = (
        rows_in_window(source, tables[f"bronze.{source}"], home)
        for source in ("payment_orders_raw", "orders_raw")
    )
    related = related_orders(payments, orders, tables["silver.order_events"], home, lookback_days)
    made = silver_row(name, row, related, rules, run_id)
    return made if status_reason(made["status"], rules) is None else None
