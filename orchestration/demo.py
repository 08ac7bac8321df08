"""``make demo``: three generated KST days, the last with planted faults, and what the controls say about them."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, date, datetime, timedelta

from configs.settings import ROOT, load_settings
from ledger.window import kst_day
from mock_data.generator import generate
from orchestration.cli import main as ledgerctl

DATA = ROOT / ".data"
MARKER = DATA / "made-by-demo"
DAYS, USERS, ENTRIES_PER_DAY, SEED = 3, 200, 6000, 7
FAULTS = ("drift", "supply", "bad_rows", "conflicting_duplicates")


def demo_days(now: datetime) -> list[date]:
    """The KST days of the demo, ending yesterday: what the UI's pages show without looking for it."""
    yesterday = kst_day(now) - timedelta(days=1)
    return [yesterday - timedelta(days=back) for back in reversed(range(DAYS))]


def main() -> int:
    """Generate, run day by day, and tell the story. Exit 0 when every pipeline ran."""
    if DATA.exists() and not MARKER.exists() and any(DATA.iterdir()):
        print(f"{DATA} holds data that the demo did not make; move it away first", file=sys.stderr)
        return 2
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir()
    MARKER.touch()
    for variable in [name for name in os.environ if name.startswith("PIPELINE_")]:
        del os.environ[variable]  # the demo is the same everywhere
    os.environ["DAGSTER_HOME"] = str(DATA / "dagster")
    landing = DATA / "landing"
    assert load_settings().resolved(load_settings().lakehouse.landing) == str(landing)
    days = demo_days(datetime.now(UTC))
    report = generate(landing, days[0], DAYS, USERS, ENTRIES_PER_DAY, SEED, FAULTS)
    print(
        f"Generated {report.rows:,} landing records over {DAYS} KST days; the last day has planted faults.\n"
    )
    for number, day in enumerate(days, 1):
        code = ledgerctl(["day", day.isoformat(), "--run-id", f"demo-{number}"])
        print()
        if code:
            return code
    print("Two days add up; the third does not, and the tables say why. Planted were:")
    for fault in report.faults:
        drifting = ", ".join(f"{user} by {amount}" for user, amount in fault.drifting_users.items())
        reasons = ", ".join(
            f"{n} {reason}" for table in fault.quarantined.values() for reason, n in table.items()
        )
        effects = [f"drifting: {drifting}"] if drifting else []
        effects += [f"supply off by {fault.supply_diff_amount}"] if fault.supply_diff_amount else []
        effects += [f"quarantined: {reasons}"] if reasons else []
        print(f"  {fault.name}: {'; '.join(effects) or f'{fault.rows} records'}")
    print(f"\nLook closer:   .venv/bin/ledgerctl verdicts --from {days[0]}")
    print(f"               .venv/bin/ledgerctl quarantine --date {days[-1]}")
    print(f"               .venv/bin/ledgerctl show gold.exception_ledger --date {days[-1]}")
    print("See the runs:  make ui    and open http://127.0.0.1:3000")
    return 0


if __name__ == "__main__":
    sys.exit(main())
