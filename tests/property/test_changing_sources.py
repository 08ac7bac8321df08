"""Sources that change, in any order with runs and deaths: in the end what a fresh warehouse has (spec sections 2, 4, 9)."""

from __future__ import annotations

import json
import os
import random
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ledger.due import days_due
from ledger.errors import ReadinessError
from ledger.pipelines.registry import PipelineName
from mock_data.scenario import SCENARIOS_DIR
from operations.verdicts import day_verdicts
from tests.oracle.fresh import against_fresh, against_oracle, build_fresh, fresh_oracle
from tests.oracle.silver import KEYS
from tests.pipelines import Pipelines
from tests.property.changing import World, days_from
from tests.support import Home, ledgerctl

SEEDS = range(40) if os.environ.get("LEDGER_TEST_EXHAUSTIVE") else range(2)
STEPS, DAYS = 9, days_from(date(2026, 2, 10), 2)
BOUNDARIES = 14  # about as many as a Silver run passes
PIPELINES: tuple[PipelineName, ...] = ("pipeline_a", "pipeline_silver", "pipeline_b", "pipeline_c")
TOLERANT = SCENARIOS_DIR / "rules" / "tolerant.json"  # no share of bad rows stops Silver


class Story:
    """History, step by step: a failure tells it, and a seed tells it again."""

    def __init__(self, spark: SparkSession, home: Home, seed: int) -> None:
        self.rng = random.Random(seed)
        self.home = home
        self.world = World(self.rng, home, DAYS)
        self.pipelines = Pipelines(spark, home, TOLERANT).prepare()
        self.done: set[tuple[PipelineName, date]] = set()
        self.told: list[str] = [f"seed {seed}"]

    def step(self) -> None:
        kinds = {"run": 8, "day": 2, "late": 3, "late_order": 1, "replace": 3, "withdraw": 1, "ingest": 1}
        (kind,) = self.rng.choices([*kinds], [*kinds.values()])
        match kind:
            case "late":
                self.told.append(self.world.late())
            case "late_order":
                self.told.append(self.world.late_order())
            case "replace":
                self.told.append(self.world.replace())
            case "withdraw":
                self.withdraw()
            case "ingest":
                self.ingest(self.rng.choice(DAYS))
            case "day":
                day = self.rng.choice(DAYS)
                for pipeline in PIPELINES:
                    self.run(pipeline, day)
            case "run":
                self.run(self.rng.choice(PIPELINES), self.rng.choice(DAYS), may_die=True)

    def withdraw(self) -> None:
        found = self.world.withdrawable()
        for path in self.rng.sample(found, min(1, len(found))):
            self.world.withdrawn.add(path)
            self.told.append(f"withdraw {path}")
            self.pipelines.withdraw(path)

    def ingest(self, day: date) -> None:
        self.told.append(f"ingest {day}")
        self.pipelines.ingest(day)

    def run(self, pipeline: PipelineName, day: date, *, may_die: bool = False) -> None:
        if may_die and self.ready(pipeline, day) and self.rng.random() < 0.3:
            before = self.silver()
            died = self.pipelines.killed(pipeline, day, self.rng.randrange(BOUNDARIES))
            self.told.append(f"{pipeline} of {day} dies at {died}")
            if died is not None:
                self.done.discard((pipeline, day))  # whoever kills a run runs it again
                if before != self.silver():
                    (verdict,) = day_verdicts(self.pipelines.lakehouse, [day])
                    assert not verdict.adds_up, f"{self}: half merged, and {verdict}"
                return
        else:
            self.told.append(f"{pipeline} of {day}")
            try:
                self.pipelines.call(pipeline, day)
            except ReadinessError:
                assert pipeline in ("pipeline_b", "pipeline_c"), str(self)
                self.told[-1] += " is refused"
                return
        self.done.add((pipeline, day))

    def ready(self, pipeline: PipelineName, day: date) -> bool:
        """A control that is refused does not get as far as dying."""
        return pipeline in ("pipeline_a", "pipeline_silver") or ("pipeline_silver", day) in self.done

    def silver(self) -> dict[str, int]:
        """The versions of the tables that Silver merges into."""
        return self.home.versions(f"silver.{name}" for name in KEYS)

    def check(self) -> None:
        """No day adds up while it has to run again."""
        due = days_due(self.pipelines.lakehouse)
        for verdict in day_verdicts(self.pipelines.lakehouse, DAYS):
            waiting = [p for p in ("pipeline_silver", "pipeline_b") if verdict.date_kst in due[p]]
            assert not (waiting and verdict.adds_up), f"{self}: {verdict} with {waiting} due"

    def finish(self) -> None:
        """All that landed is loaded, every day has run once, and what is due has run again."""
        for day in DAYS:
            self.ingest(day)
        for pipeline in PIPELINES[1:]:
            for day in DAYS:
                if (pipeline, day) not in self.done:
                    self.run(pipeline, day)
        self.pipelines.settle()
        assert ledgerctl("state", "--json").json["due"] == {p: [] for p in PIPELINES[1:]}, str(self)

    def __str__(self) -> str:
        return "\n  ".join(self.told)


@pytest.mark.parametrize("seed", SEEDS)
def test_changing_sources_end_as_a_fresh_warehouse(
    seed: int, spark: SparkSession, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-14, INV-15, INV-30"""
    monkeypatch.setenv("PIPELINE_CFG__RULES__SEED_PATH", str(TOLERANT))
    story = Story(spark, home, seed)
    for _ in range(STEPS):
        story.step()
        story.check()
    story.finish()
    fresh = build_fresh(
        home, tmp_path / "fresh", DAYS, lambda made: Pipelines(spark, made, TOLERANT).settle()
    )
    assert against_fresh(home, fresh) == "", str(story)
    oracle = fresh_oracle(fresh.landing, json.loads(TOLERANT.read_text("utf-8")), DAYS)
    found = [diff.report() for diff in against_oracle(home, oracle)]
    assert not found, "\n".join([str(story), *found])
