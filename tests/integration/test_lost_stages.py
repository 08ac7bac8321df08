"""INV-88: A stage that is gone is an error, never an empty table: whichever stage, in whichever operation, however it went.

Two walks over the stages of a day with corrections. In the first every stage is damaged as soon as it is there, and read;
in the second the operation goes on with it, for one stage each. With ``LEDGER_TEST_EXHAUSTIVE=1`` for every stage, in
every way.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from configs.settings import ROOT, load_settings
from ledger import side_by_side
from ledger.bronze import json_files
from ledger.delta.stages import Stages
from ledger.errors import StorageError
from ledger.faults import first_line
from ledger.pipelines.registry import PipelineName
from tests.damages import DAMAGES, damaged
from tests.pipelines import Pipelines
from tests.support import ATTEMPT_TABLES, DAY_1, DAY_2, Home, Template, difference, ledgerctl

pytestmark = pytest.mark.skipif(
    load_settings().spark.engine != "sail", reason="elsewhere the engine keeps them"
)

SEED = ROOT / "mock_data/fixtures/dim_rule_scd2.json"
PIPELINES: tuple[PipelineName, ...] = ("pipeline_a", "pipeline_silver", "pipeline_b", "pipeline_c")
EXHAUSTIVE = bool(os.environ.get("LEDGER_TEST_EXHAUSTIVE"))
LOST = "an intermediate result of this run is gone or cut off"


@contextlib.contextmanager
def sealed(reached: Callable[[Stages, Path], None]) -> Iterator[None]:
    """Call ``reached`` with every stage, as soon as all of it is there; files of the landing are left to the engine."""
    seal = Stages.seal

    def observed(self: Stages, folder: Path) -> None:
        seal(self, folder)
        reached(self, folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stages, "seal", observed)
        patch.setattr(side_by_side, "_WORKERS", 1)  # so that stages come one after the other
        patch.setattr(json_files, "LARGE", 2_000)
        yield


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory, day_1: Template) -> Home:
    """``day_1``, some of whose files were replaced by shorter ones meanwhile: what came of them has to go again."""
    made = Home(tmp_path_factory.mktemp("corrected")).copy_from(day_1.home, "warehouse", "landing")
    for file in made.landing.glob(f"*/date={DAY_1}/*.jsonl"):
        lines = file.read_text("utf-8").splitlines(keepends=True)
        file.write_text("".join(line for n, line in enumerate(lines) if n % 5), "utf-8")
    return made


class Walk(NamedTuple):
    """An undisturbed run of each pipeline of DAY_1: where it began, what it left, and how its stages took damages."""

    starts: dict[PipelineName, Home]
    ends: dict[PipelineName, dict[str, Counter[str]]]
    stages: Counter[PipelineName]
    wrong: list[str]


@pytest.fixture(scope="module")
def walk(spark: SparkSession, corrected: Home, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    found = Walk({}, {}, Counter(), [])
    root = tmp_path_factory.mktemp("walk")
    home = Home(root / "home").copy_from(corrected, "warehouse", "landing")
    for pipeline in PIPELINES:
        found.starts[pipeline] = Home(root / pipeline).copy_from(home, "warehouse", "landing")

        def probe(stages: Stages, folder: Path, pipeline: PipelineName = pipeline) -> None:
            found.stages[pipeline] += 1
            found.wrong.extend(
                f"{pipeline}, stage {folder.name} {said}" for said in misread(spark, stages, folder)
            )

        with sealed(probe):
            run(spark, home, pipeline)
        found.ends[pipeline] = content(home)
    return found


def misread(spark: SparkSession, stages: Stages, folder: Path) -> Iterator[str]:
    """The damages after which a stage neither has all of its rows nor is an error that names it: two of them in turn."""
    is_table = (folder / "_delta_log").is_dir()
    whole = rows(spark, folder) if is_table else []
    number, ways = int(folder.name), list(DAMAGES)
    for how in ways if EXHAUSTIVE else (ways[number % len(ways)], ways[(number + 2) % len(ways)]):
        with damaged(folder, how):
            said = str(stages.lost())
            if is_table:
                try:
                    said = "whole" if rows(spark, folder) == whole else "other rows"
                except PySparkException as error:
                    said = first_line(error)
        if said != "whole" and not (said.startswith(LOST) and f"[file={folder}/" in said):
            yield f"{how}: {said}"


def rows(spark: SparkSession, folder: Path) -> list[str]:
    return sorted(map(str, spark.read.format("delta").load(str(folder)).collect()))


def run(spark: SparkSession, home: Home, pipeline: PipelineName) -> None:
    """As an operator's command does it, with a run id that says which pipeline it is."""
    pipelines = Pipelines(spark, home, SEED)
    with pipelines.lakehouse:
        pipelines.call(pipeline, DAY_1)


def content(home: Home) -> dict[str, Counter[str]]:
    return home.content(*[table for table in home.tables() if table not in ATTEMPT_TABLES])


def test_no_damaged_stage_reads_as_fewer_rows(walk: Walk) -> None:
    """Every stage of every operation."""
    assert walk.wrong == []
    assert all(walk.stages[pipeline] for pipeline in PIPELINES), walk.stages


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_a_run_whose_stage_is_damaged_fails_and_says_so_or_is_right(
    spark: SparkSession, walk: Walk, tmp_path: Path, pipeline: PipelineName
) -> None:
    """The failure is on record; the same command run again ends where an undisturbed run ends."""
    total = walk.stages[pipeline]
    for number in range(1, total + 1) if EXHAUSTIVE else [(total + 1) // 2]:
        how = list(DAMAGES)[(number + PIPELINES.index(pipeline)) % len(DAMAGES)]
        home = Home(tmp_path / f"{number}").copy_from(walk.starts[pipeline], "warehouse", "landing")
        where = f"stage {number} of {total}, {how}"
        if (error := run_with(spark, home, pipeline, number, how)) is not None:
            assert str(error).startswith(LOST), where
            newest = max(home.rows("gold.pipeline_run_log"), key=lambda row: row["ended_at"])
            assert (newest["pipeline_name"], newest["status"]) == (pipeline, "failure"), where
            assert newest["message"].startswith(LOST), where
            run(spark, home, pipeline)
        assert difference(walk.ends[pipeline], content(home)) == "", where


def run_with(
    spark: SparkSession, home: Home, pipeline: PipelineName, number: int, how: str
) -> StorageError | None:
    """The run goes on with its so manieth stage damaged."""
    seen = 0

    def damage(_: Stages, folder: Path) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            DAMAGES[how](folder)

    try:
        with sealed(damage):
            run(spark, home, pipeline)
    except StorageError as error:
        return error
    return None


def test_links_to_landing_files_that_vanish_load_no_file_as_an_empty_one(
    spark: SparkSession, walk: Walk, tmp_path: Path
) -> None:
    """The engine reads a folder without links as no lines; no event makes that live, and the next load has all rows."""
    home = Home(tmp_path / "home").copy_from(walk.starts["pipeline_a"], "warehouse", "landing")
    pipelines = Pipelines(spark, home, SEED)
    taken: list[Path] = []

    def remove_links(_: Stages, folder: Path) -> None:
        if not (folder / "_delta_log").exists():
            shutil.rmtree(folder)
            taken.append(folder)

    with sealed(remove_links), pipelines.lakehouse, pytest.raises(StorageError, match=LOST):
        pipelines.ingest(DAY_2)
    assert taken
    assert not [
        e for e in home.rows("bronze.landing_file") if e["landing_date_kst"] == DAY_2 and e["rows"] == 0
    ]
    pipelines.ingest(DAY_2)
    files = list(home.landing.glob(f"*/date={DAY_2}/*.jsonl"))
    lines = {str(f.relative_to(home.landing)): len(f.read_text("utf-8").splitlines()) for f in files}
    events = [e for e in home.rows("bronze.landing_file") if e["landing_date_kst"] == DAY_2]
    assert {e["path"]: e["rows"] for e in events if e["status"] == "loaded"} == lines


def test_the_command_line_says_which_stage_is_gone_and_what_to_do(after_day_1: Home) -> None:
    def remove(_: Stages, folder: Path) -> None:
        shutil.rmtree(folder.parent)

    with sealed(remove):
        done = ledgerctl("run", "pipeline_b_controls", "--partition", DAY_1)
    assert done.code == 1
    assert LOST in done.err
    assert "set TMPDIR to a folder of your own, then run the same command again" in done.err
    verdict = ledgerctl("verdict", DAY_1)
    assert (verdict.code, "failed" in verdict.out) == (3, True)
