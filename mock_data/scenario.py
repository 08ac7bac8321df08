"""Named scenarios: landing files, the commands to run on them, and what every table must hold afterwards.

A scenario is a folder below `mock_data/scenarios` with a `scenario.yaml`. Its expectations are worked out by hand
from the specification, so that they can judge any engine. In the YAML only whole numbers, booleans and null are
typed: money, rates, dates and instants stay the text that they are, and never become floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ledger.bronze import landing_file
from ledger.tables import BRONZE, GOLD, SILVER

SCENARIOS_DIR = Path(__file__).parent / "scenarios"
SCENARIO_VARIABLE = "${SCENARIO}"

# Specification section 2: a scenario must say something about every one of them.
TABLES: tuple[str, ...] = tuple(table.full_name for table in (*BRONZE, landing_file.TABLE, *SILVER, *GOLD))

# A mapping stands for a JSON text with these members, whatever its spacing and order.
Cell = str | int | bool | None | dict[str, str | int]
Row = dict[str, Cell]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Step(_Strict):
    """One command: optionally lay a folder over the landing, run `ledgerctl`, compare its exit code and message."""

    landing: str | None = None
    ledgerctl: list[str] = Field(min_length=1)
    exit: int = Field(default=0, ge=0, le=3)
    message_contains: str | None = None


class TableExpectation(_Strict):
    """The table's row count, and its rows when given: the exact multiset over the columns that the rows name."""

    count: int = Field(ge=0)
    rows: list[Row] | None = None

    @model_validator(mode="before")
    @classmethod
    def _count_alone(cls, value: Any) -> Any:
        return {"count": value} if isinstance(value, int) else value

    @model_validator(mode="after")
    def _rows_are_all_rows(self) -> Self:
        if self.rows is not None:
            if len(self.rows) != self.count:
                raise ValueError(f"count is {self.count}, but {len(self.rows)} rows are listed")
            if len({tuple(sorted(row)) for row in self.rows}) > 1:
                raise ValueError("all rows of a table must name the same columns")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The compared columns; none when only the count is given."""
        return tuple(self.rows[0]) if self.rows else ()


class Verdicts(_Strict):
    """The night's answers: does the day's supply add up, and whose balance drifts (`drift_abs` above 0)."""

    supply_is_ok: dict[str, bool] = Field(default_factory=dict)
    drifting_users: dict[str, list[str]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _keys_are_days(self) -> Self:
        for day in (*self.supply_is_ok, *self.drifting_users):
            date.fromisoformat(day)
        return self


class Expectations(_Strict):
    """Expectations after the last step."""

    tables: dict[str, TableExpectation]
    verdicts: Verdicts = Field(default_factory=Verdicts)

    @model_validator(mode="after")
    def _every_table_is_named(self) -> Self:
        if set(self.tables) != set(TABLES):
            missing, unknown = set(TABLES) - set(self.tables), set(self.tables) - set(TABLES)
            raise ValueError(f"missing tables {sorted(missing)}, unknown tables {sorted(unknown)}")
        return self


class Scenario(_Strict):
    """A scenario; `folder` is where its landing folders and its rule file are."""

    name: str
    story: str = Field(min_length=80)
    env: dict[str, str] = Field(default_factory=dict)
    steps: list[Step] = Field(min_length=1)
    expect: Expectations
    folder: Path

    @model_validator(mode="after")
    def _files_are_there(self) -> Self:
        if self.name != self.folder.name:
            raise ValueError(f"scenario {self.name!r} lies in folder {self.folder.name!r}")
        for step in self.steps:
            if step.landing is not None and not (self.folder / step.landing).is_dir():
                raise ValueError(f"step {step.ledgerctl} needs folder {step.landing!r}")
        return self

    def environment(self) -> Mapping[str, str]:
        """Settings overrides with `${SCENARIO}` expanded to the scenario's folder."""
        return {name: value.replace(SCENARIO_VARIABLE, str(self.folder)) for name, value in self.env.items()}


class _TextLoader(yaml.SafeLoader):
    """Types whole numbers, booleans and null only."""


_TextLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":float", ":timestamp"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_scenario(folder: Path) -> Scenario:
    """Read and validate `<folder>/scenario.yaml`. Raises pydantic's ValidationError naming the field."""
    text = (folder / "scenario.yaml").read_text("utf-8")
    content = yaml.load(text, Loader=_TextLoader)
    return Scenario.model_validate({**content, "folder": folder})


def scenario_names() -> tuple[str, ...]:
    """The shipped scenarios, sorted."""
    return tuple(sorted(path.parent.name for path in SCENARIOS_DIR.glob("*/scenario.yaml")))
