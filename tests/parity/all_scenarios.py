"""The records of all scenarios in one landing, each scenario's keys its own, so that none meets another's."""

from __future__ import annotations

import re
from pathlib import Path

from mock_data.scenario import SCENARIOS_DIR, load_scenario, scenario_names

# Never stops Silver: together the scenarios break more rules than a day may.
TOLERANT_RULES = SCENARIOS_DIR / "rules" / "tolerant.json"
_KEY = re.compile(
    r'("(?:tx_id|wallet_id|user_id|related_id|order_id|item_id|product_id)"\s*:\s*"?)(?!null\b|["\s+-])'
)


def lay_all(landing: Path) -> None:
    """Every landing file of every scenario, as text: a key gets two digits in front, whether it is read or not."""
    for ordinal, name in enumerate(scenario_names(), start=10):
        scenario = load_scenario(SCENARIOS_DIR / name)
        for folder in dict.fromkeys(step.landing for step in scenario.steps if step.landing):
            for file in sorted((scenario.folder / folder).rglob("*.jsonl")):
                day = landing / file.relative_to(scenario.folder / folder).parent
                day.mkdir(parents=True, exist_ok=True)
                text = _KEY.sub(rf"\g<1>{ordinal}", file.read_text("utf-8"))
                (day / f"{name}-{folder}-{file.name}").write_text(text, "utf-8")
