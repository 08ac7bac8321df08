"""Kill -9 at any moment of a day's run, then the same command: the end state is an undisturbed run's.

The boundaries of a day (before and after each commit) are walked in 4 slots, one boundary each by default, all of them
with ``LEDGER_TEST_EXHAUSTIVE=1``. While a slot's command runs again here, the next slot's run is being killed in a
child.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest
from pyspark.sql import SparkSession

import resources.spark
from configs.settings import ROOT, load_settings
from tests.support import DAY_1, DAY_2, Home, Template, difference, ledgerctl

SLOTS = 4
RANDOM_KILLS = 2
EXHAUSTIVE = bool(os.environ.get("LEDGER_TEST_EXHAUSTIVE"))
DAY = ("day", str(DAY_2), "--run-id", "r2")
# A killed attempt may have logged itself, noted a change that it did not make, or not recorded the last run.
ATTEMPTS = ("gold.pipeline_run_log", "silver.day_changes", "gold.restatement_log")

pytestmark = pytest.mark.skipif(load_settings().spark.engine != "sail", reason="shares the embedded server")


class Killer:
    """Prepares homes in which a run was killed at a boundary, ahead of the tests that ask for them."""

    def __init__(self, root: Path, address: str, start: Home) -> None:
        self._root, self._start = root, start
        command = [sys.executable, "-m", "tests.integration.kill_worker", address]
        self._worker = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._pool = ThreadPoolExecutor(1)
        self._homes: dict[int, Future[Home]] = {}

    def order(self, boundary: int) -> None:
        """Start on it when the ones before are done."""
        if boundary not in self._homes:
            self._homes[boundary] = self._pool.submit(self._kill, boundary)

    def home(self, boundary: int) -> Home:
        """The home whose run died at the boundary."""
        self.order(boundary)
        return self._homes[boundary].result()

    def _kill(self, boundary: int) -> Home:
        home = Home(self._root / f"boundary-{boundary}").copy_from(self._start)
        order = {
            "environment": home.environment(),
            "arguments": DAY,
            "boundary": boundary,
            "log": str(home.root / "log"),
        }
        stdin, stdout = self._pipes()
        print(json.dumps(order), file=stdin, flush=True)
        status = int(stdout.readline())
        log = (home.root / "log").read_text()
        assert os.WIFSIGNALED(status), f"it was not killed: {status}\n{log}"
        assert os.WTERMSIG(status) == signal.SIGKILL, log
        return home

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self._worker.stdin is not None
        assert self._worker.stdout is not None
        return self._worker.stdin, self._worker.stdout

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        for pipe in self._pipes():
            pipe.close()
        self._worker.wait()


@pytest.fixture(scope="module")
def killer(
    spark: SparkSession, day_1: Template, days_1_2: Template, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Killer]:
    (engine,) = resources.spark._ENGINES
    made = Killer(tmp_path_factory.mktemp("killed"), engine.address, day_1.home)
    for slot in range(SLOTS):
        for boundary in boundaries_of(slot, len(days_1_2.boundaries)):
            made.order(boundary)
    yield made
    made.close()


def boundaries_of(slot: int, total: int) -> list[int]:
    """The boundaries that a slot walks: spread evenly, the first and the last among them; or its share of all."""
    if EXHAUSTIVE:
        return list(range(slot, total, SLOTS))
    return [round(slot * (total - 1) / (SLOTS - 1))]


def settled(home: Home) -> dict[str, Counter[str]]:
    """Content that must be equal: every table without clocks, and that the newest attempt of each pipeline succeeded."""
    content = home.content(*[t for t in home.tables() if t not in ATTEMPTS])
    newest: dict[tuple[str, str], str] = {}
    for row in sorted(
        home.rows("gold.pipeline_run_log"), key=lambda row: (row["ended_at"], row["started_at"])
    ):
        newest[row["pipeline_name"], str(row["date_kst"])] = row["status"]
    return {**content, "newest attempts": Counter(f"{key}: {status}" for key, status in newest.items())}


def enter(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name, value in home.environment().items():
        monkeypatch.setenv(name, value)
    return home


def test_every_commit_of_a_day_is_a_boundary(day_1: Template, days_1_2: Template) -> None:
    """INV-15: a commit that goes past the one place of all would never be walked; a column that Bronze gains is one."""
    before, after = day_1.home.versions(), days_1_2.home.versions()
    commits = Counter({table: after[table] - before[table] for table in after})
    for when in ("before", "after"):
        passed = [name for place in days_1_2.boundaries for at, name in [place.split()] if at == when]
        assert Counter(passed) == +commits
    assert commits["bronze.products_raw"] == 2, "its new column, and its rows"


@pytest.mark.parametrize("slot", range(SLOTS))
def test_killed_at_a_write_boundary(
    slot: int, killer: Killer, days_1_2: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-15"""
    expected = settled(days_1_2.home)
    for boundary in boundaries_of(slot, len(days_1_2.boundaries)):
        home = enter(killer.home(boundary), monkeypatch)
        where = f"killed at boundary {boundary}, {days_1_2.boundaries[boundary]}"
        done = ledgerctl(*DAY)
        assert done.code == 0, f"{where}: {done.err}"
        assert difference(expected, settled(home)) == "", where


def test_killed_at_random_moments(after_day_1: Home, days_1_2: Template) -> None:
    """INV-15: real processes with their engine, killed one after the other on one warehouse, then left alone."""
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    lines = sum(line.startswith("[") for line in days_1_2.done.err.splitlines())
    told = []
    for n in range(RANDOM_KILLS):
        until = rng.randrange(n * lines // RANDOM_KILLS, (n + 1) * lines // RANDOM_KILLS)
        told.append(_killed_after(until, rng.uniform(0, 0.3), after_day_1))
    done = ledgerctl(*DAY)
    assert done.code == 0, f"seed {seed}: {told}: {done.err}"
    assert difference(settled(days_1_2.home), settled(after_day_1)) == "", f"seed {seed}: {told}"


def _killed_after(lines: int, delay_sec: float, home: Home) -> str:
    """Start the day, kill it so long after so many lines of progress; what it said last."""
    command = [sys.executable, "-m", "orchestration.cli", *DAY]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        last = "start"
        for _ in range(lines):
            last = process.stderr.readline().strip() or last
        try:
            process.wait(timeout=delay_sec)
        except subprocess.TimeoutExpired:
            process.kill()
    return f"{last!r} + {delay_sec:.2f} s"


def test_killed_while_the_catalog_is_created(home: Home, day_1: Template) -> None:
    """INV-15: a half-made catalog is completed, not taken for a finished one, and so is one without its rules."""
    home.copy_from(day_1.home, "landing")
    for table in ("bronze/user_wallets_raw", "silver/products", "gold/dim_rule_scd2", "gold/pipeline_state"):
        first = Path("warehouse") / table / "_delta_log" / f"{0:020}.json"  # what its creation wrote
        (home.root / first).parent.mkdir(parents=True)
        (home.root / first).write_bytes((day_1.home.root / first).read_bytes())
    done = ledgerctl("ingest", DAY_1)
    assert done.code == 0, done.err
    assert home.tables() == day_1.home.tables()
    loaded = [t for t in home.tables() if t.startswith("bronze.") or t == "gold.dim_rule_scd2"]
    assert difference(day_1.home.content(*loaded), home.content(*loaded)) == ""
