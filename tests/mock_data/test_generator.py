"""The generator: same seed same bytes, clean days that reconcile to the cent, bounded memory, faults as reported."""

from __future__ import annotations

import hashlib
import json
import re
import tracemalloc
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from mock_data.faults import FAULT_NAMES
from mock_data.generator import generate
from mock_data.report import GenerationReport
from mock_data.stream import TABLES
from tests.mock_data.reconcile import cents, instant, kst_window, reconcile, records

START = date(2026, 2, 10)
ENTRY_TYPES = {"CHARGE", "MINT", "RECEIVE", "REFUND_IN", "WITHDRAW", "BURN", "PAYMENT", "REFUND_OUT"}
ENTRY_TYPES |= {"HOLD", "RELEASE"}


def make(landing: Path, faults: tuple[str, ...] = (), entries: int = 2000, days: int = 3) -> GenerationReport:
    return generate(landing, START, days=days, users=60, entries=entries, seed=7, faults=faults)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, GenerationReport]:
    landing = tmp_path_factory.mktemp("clean")
    return landing, make(landing)


def digest(landing: Path) -> dict[str, str]:
    files = sorted(path for path in landing.rglob("*") if path.is_file())
    return {str(f.relative_to(landing)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        generate(
            tmp_path / name, START, days=2, users=9, entries=400, seed=seed, faults=("drift", "bad_rows")
        )
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert digest(tmp_path / "a") != digest(tmp_path / "c")


@pytest.mark.parametrize(("users", "entries", "days"), [(2, 1, 2), (2, 50, 3), (7, 333, 4), (500, 1500, 2)])
def test_clean_days_reconcile_at_any_size(tmp_path: Path, users: int, entries: int, days: int) -> None:
    report = generate(tmp_path, START, days=days, users=users, entries=entries, seed=users)
    for day, verdict in reconcile(tmp_path, report.days).items():
        assert verdict.drift_by_user == {}, day
        assert verdict.supply_diff == 0, day
        assert report.rows_of("transaction_ledger", day) == entries


def test_clean_days_are_fresh_complete_and_within_the_contract(clean: tuple[Path, GenerationReport]) -> None:
    landing, report = clean
    assert report.exceptions == ()
    assert report.faults == ()
    for day in report.days:
        start, end = kst_window(day)
        for table in TABLES:
            rows = list(records(landing, table, day))
            assert len(rows) == report.rows_of(table, day) > 0
            for row in rows:
                assert start <= instant(row["source_extracted_at"]) <= instant(row["ingested_at"]) < end
                assert (
                    start
                    <= instant(row.get("created_at") or row["ingested_at"])
                    <= instant(row["ingested_at"])
                )
                assert row["batch_id"]
                assert row["source_system"]
        for table in ("transaction_ledger", "payment_orders"):
            newest = max(instant(row["ingested_at"]) for row in records(landing, table, day))
            assert (end - newest).total_seconds() < 300
        for wallet in records(landing, "user_wallets", day):
            assert cents(wallet["balance"]) >= 0
            assert cents(wallet["frozen_amount"]) >= 0


def test_clean_ids_are_unique_and_all_kinds_of_record_occur(clean: tuple[Path, GenerationReport]) -> None:
    landing, report = clean
    seen: dict[str, list[object]] = {table: [] for table in TABLES}
    kinds, statuses, merchants = Counter[str](), Counter[str](), Counter[str | None]()
    order_ids: set[str] = set()
    for day in report.days:
        for entry in records(landing, "transaction_ledger", day):
            seen["transaction_ledger"].append(entry["tx_id"])
            kinds[entry["type"]] += 1
        for order in records(landing, "payment_orders", day):
            seen["payment_orders"].append(order["order_id"])
            statuses[order["status"]] += 1
            merchants[order["merchant_name"]] += 1
        for order in records(landing, "orders", day):
            seen["orders"].append(order["order_id"])
            order_ids.add(str(order["order_id"]))
        seen["order_items"] += [item["item_id"] for item in records(landing, "order_items", day)]
        snapshots = records(landing, "user_wallets", day)
        seen["user_wallets"] += [(row["user_id"], row["source_extracted_at"]) for row in snapshots]
    for table, keys in seen.items():
        assert len(keys) == len(set(keys)), table
    assert set(kinds) == ENTRY_TYPES
    assert set(statuses) == {"PAID", "PENDING", "FAILED", "CANCELLED", "REFUNDED"}
    assert None in merchants
    assert any(re.search("[가-힣]", name or "") for name in merchants)
    assert order_ids & set(map(str, seen["payment_orders"])), "C needs payments whose id is an order's"


def test_memory_does_not_grow_with_entries(tmp_path: Path) -> None:
    def peak_bytes(entries: int) -> int:
        tracemalloc.start()
        try:
            generate(tmp_path / str(entries), START, days=1, users=200, entries=entries, seed=1)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small, large = peak_bytes(10_000), peak_bytes(40_000)
    assert large < small * 1.2, f"{small=} {large=}: something is kept per entry"


def test_progress_tells_the_day_and_the_rows_so_far(tmp_path: Path) -> None:
    calls: list[tuple[str, int]] = []
    report = generate(
        tmp_path,
        START,
        days=2,
        users=9,
        entries=500,
        seed=1,
        on_progress=lambda day, rows: calls.append((day, rows)),
    )
    assert [rows for _, rows in calls] == sorted(rows for _, rows in calls)
    assert calls[-1] == ("2026-02-11", report.rows)


def test_a_failed_generation_publishes_no_file(tmp_path: Path) -> None:
    def fail(_: str, __: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path, START, days=1, users=9, entries=500, seed=1, on_progress=fail)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_drift_is_seen_by_recon_alone(tmp_path: Path) -> None:
    report = make(tmp_path, ("drift",))
    verdicts = reconcile(tmp_path, report.days)
    *before, last = (verdicts[day] for day in report.days)
    assert all(not verdict.drift_by_user and not verdict.supply_diff for verdict in before)
    found = {
        user: f"{abs(drift) // 100}.{abs(drift) % 100:02d}" for user, drift in last.drift_by_user.items()
    }
    assert found == dict(report.faults[0].drifting_users)
    assert len(found) == 2
    assert last.supply_diff == 0
    assert {e.exception_type for e in report.exceptions} == {"RECON_DRIFT_HIGH"}


def test_supply_gap_is_seen_by_supply_alone(tmp_path: Path) -> None:
    report = make(tmp_path, ("supply",))
    verdicts = reconcile(tmp_path, report.days)
    assert [verdicts[day].supply_diff for day in report.days] == [0, 0, -77_700]
    assert all(verdict.drift_by_user == {} for verdict in verdicts.values())
    assert report.faults[0].supply_diff_amount == "-777.00"


def test_a_supply_gap_in_a_feed_that_went_silent_is_no_drift(tmp_path: Path) -> None:
    report = make(tmp_path, ("stale", "supply"))
    assert reconcile(tmp_path, report.days)[report.days[-1]] == ({}, -77_700)


def test_replays_keep_their_key(tmp_path: Path) -> None:
    report = make(tmp_path, ("duplicates", "conflicting_duplicates"))
    rows = list(records(tmp_path, "transaction_ledger", report.days[-1]))
    by_key: dict[str, list[str]] = {}
    for row in rows:
        by_key.setdefault(row["tx_id"], []).append(row["amount"])
    duplicates, conflicts = report.faults
    assert len(rows) == 2000 + duplicates.rows + conflicts.rows
    assert {key for key, amounts in by_key.items() if len(set(amounts)) > 1} == set(conflicts.keys)
    repeated = {key for key, amounts in by_key.items() if len(amounts) > len(set(amounts))}
    assert repeated == set(duplicates.keys)
    assert len(repeated) == duplicates.rows
    # 8 duplicates and 5 contradictions of 2000 entries: 13 / 2013
    (exception,) = report.exceptions
    assert (exception.exception_type, exception.severity) == ("DUP_SUSPECTED", "WARN")
    assert exception.metric_value == "0.006458"


def test_bad_rows_stay_below_fail_fast_and_bad_rate_exceeds_it(tmp_path: Path) -> None:
    for fault, above in (("bad_rows", False), ("bad_rate", True)):
        report = make(tmp_path / fault, (fault,))
        (planted,) = report.faults
        bad = sum(planted.quarantined["silver.ledger_entries"].values())
        assert bad == planted.rows
        assert (bad / (bad + 2000) > 0.01) is above
        assert report.silver_fails is above
        assert {e.severity for e in report.exceptions} == ({"CRITICAL"} if above else {"WARN"})


def test_stale_feeds_end_hours_before_midnight(tmp_path: Path) -> None:
    report = make(tmp_path, ("stale",))
    _, end = kst_window(report.days[-1])
    newest = max(
        instant(row["ingested_at"]) for row in records(tmp_path, "transaction_ledger", report.days[-1])
    )
    silence = f"{(end - newest).total_seconds():.6f}"
    assert [(e.exception_type, e.severity, e.metric_value) for e in report.exceptions] == [
        ("SOURCE_STALE", "CRITICAL", silence)
    ] * 2


def test_unparsable_lines_are_not_json(tmp_path: Path) -> None:
    report = make(tmp_path, ("unparsable",))
    path = next(f.path for f in report.files if f.table == "payment_orders" and f.date_kst == report.days[-1])
    torn = 0
    for line in (tmp_path / path).read_text("utf-8").splitlines():
        try:
            json.loads(line)
        except json.JSONDecodeError:
            torn += 1
    assert (
        torn
        == report.faults[0].rows
        == report.faults[0].quarantined["silver.order_events"]["unparsable_record"]
    )


def test_late_entries_belong_to_the_day_before(tmp_path: Path) -> None:
    report = make(tmp_path, ("late",))
    *_, yesterday, last = report.days
    start, _ = kst_window(last)
    late = [r for r in records(tmp_path, "transaction_ledger", last) if instant(r["created_at"]) < start]
    assert [row["tx_id"] for row in late] == list(report.faults[0].keys)
    assert all(row["type"] == "CHARGE" and instant(row["ingested_at"]) >= start for row in late)
    assert report.faults[0].due_for_restatement == (yesterday,) == (last - timedelta(days=1),)
    assert all(v == ({}, 0) for v in reconcile(tmp_path, report.days).values())


def test_all_faults_together_and_the_report_as_json(tmp_path: Path) -> None:
    report = make(tmp_path, FAULT_NAMES)
    assert [fault.name for fault in report.faults] == list(FAULT_NAMES)
    assert json.loads(json.dumps(report.to_dict()))["days"] == ["2026-02-10", "2026-02-11", "2026-02-12"]
    # Silver stops at the bad rate, so no control may find drift or a supply gap.
    assert {e.domain for e in report.exceptions} == {"dq"}
