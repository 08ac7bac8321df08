"""Write ``docs/tables.md`` from the contracts and the registry of pipelines; ``--check`` only says whether it is current."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from ledger.contract import Table
from ledger.pipelines.registry import PIPELINES, Pipeline
from ledger.tables import BRONZE, GOLD, INTERNAL, SILVER

TARGET = Path(__file__).with_name("tables.md")
_HEADER = """# Tables

Generated from the contracts by `make docs`; do not edit. Money is KRW. `!` marks a required column. A table is
`<catalog>.<schema>.<table>` on Databricks and lies at `<warehouse>/<schema>/<table>` locally.
"""
_SECTIONS = {
    "Bronze": (
        "Append-only, as it came. `!` is what Guardrail and Silver check; Bronze keeps a bad row.",
        BRONZE,
    ),
    "Silver": ("Clean, deduplicated, every rejected row quarantined.", SILVER),
    "Gold": ("Controls, operations, the anonymized mart, exceptions, state and rules.", GOLD),
    "Internal": ("Bookkeeping of the pipelines, not part of the interface.", INTERNAL),
}

_MINUTE = timedelta(minutes=1)
_REACH = {"day": "of its day", "history": "of its day and every earlier one"}


def render() -> str:
    """The whole document."""
    parts = [_HEADER]
    for title, (purpose, tables) in _SECTIONS.items():
        parts.append(f"## {title}\n\n{purpose}\n")
        parts += [_table(table) for table in tables]
    parts.append(_pipelines())
    return "\n".join(parts)


def _pipelines() -> str:
    head = [
        "## Pipelines\n",
        "From `ledger/pipelines/registry.py`. Times are KST; a daily pipeline runs the day that has ended.\n",
        "| pipeline | job | operations | starts | done | needs | runbook |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *map(_pipeline, PIPELINES), ""])


def _pipeline(pipeline: Pipeline) -> str:
    needs, schedule = pipeline.needs, pipeline.schedule
    grace, interval = schedule.grace // _MINUTE, schedule.every // _MINUTE
    done = f"{grace} minutes later" if schedule.is_daily else f"{interval + grace} minutes behind at most"
    cells = (
        f"`{pipeline.name}`",
        f"`{pipeline.job}`",
        ", ".join(f"`{operation}`" for operation in pipeline.job_operations),
        str(schedule),
        done,
        f"{', '.join(f'`{name}`' for name in needs.tables)}, {_REACH[needs.reach]}" if needs else "Bronze",
        pipeline.runbook_section,
    )
    return f"| {' | '.join(cells)} |"


def _table(table: Table) -> str:
    facts = [f"Grain: {table.grain}", f"write: {table.write}"]
    facts += [f"key: {', '.join(table.key)}"] if table.key else []
    facts += [f"partition: {table.partition_by}"] if table.partition_by else []
    rows = [f"| `{c.name}`{' !' if c.required else ''} | `{c.type}` | {c.comment} |" for c in table.columns]
    head = ["| column | type | meaning |", "|---|---|---|"]
    return "\n".join(
        [f"### `{table.full_name}`\n", f"{table.description} {'; '.join(facts)}.\n", *head, *rows, ""]
    )


def main() -> int:
    """Write the document, or with ``--check`` compare it; 1 when it is stale."""
    text = render()
    if "--check" not in sys.argv:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    print("docs/tables.md is stale: run make docs", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
