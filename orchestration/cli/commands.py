"""The commands of ``ledgerctl``, in the order of its help."""

from __future__ import annotations

from orchestration.cli import days, landing, launching, looking, mock, watermark
from orchestration.cli.command import Root

LEDGERCTL = Root(
    "ledgerctl",
    help="Operate the ledger controls.",
    commands=[
        launching.run,
        launching.day,
        launching.backfill,
        launching.ingest,
        days.verdict,
        days.verdicts,
        looking.show,
        looking.state,
        looking.runs,
        looking.quarantine,
        watermark.watermark,
        landing.landing,
        mock.mock,
    ],
    examples=[
        "ledgerctl verdicts                       this month, a line per day: does the money add up?",
        "ledgerctl day 2026-02-01                 ingest, A, Silver, B and C of one KST day",
        "ledgerctl show --help                    parameters, units, defaults and examples of a command",
    ],
)
