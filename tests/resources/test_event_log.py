"""The event storage of a laptop: the base class's, only faster; two processes and a live view included."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from configs.settings import ROOT
from resources.event_log import PooledSqliteEventLogStorage

KEY = dg.AssetKey("a")
_WRITER = """
import sys, dagster as dg
with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    for n in range(30):
        instance.report_runless_asset_event(dg.AssetMaterialization("a", metadata={"n": n}))
"""


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An instance with the project's own ``dagster.yaml``."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text(
        (ROOT / "dagster.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    with dg.DagsterInstance.from_config(str(tmp_path)) as made:
        yield made


def materializations(instance: dg.DagsterInstance) -> int:
    return len(instance.fetch_materializations(KEY, limit=1000).records)


def test_several_processes_write_side_by_side_and_nothing_is_lost(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """INV-54: webserver, daemon and run workers share the file."""
    assert isinstance(instance.event_log_storage, PooledSqliteEventLogStorage)
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], cwd=ROOT) for _ in range(3)]
    for n in range(30):
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, metadata={"n": n}))
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    assert materializations(instance) == 120


def test_a_run_s_events_are_seen_while_it_runs(instance: dg.DagsterInstance) -> None:
    """INV-54: the UI's live view follows the write-ahead log, not only its checkpoints."""
    seen: list[str] = []

    @dg.job
    def watched() -> None:
        dg.op(name="only")(lambda: None)()

    run = instance.create_run_for_job(watched)
    instance.watch_event_logs(run.run_id, None, lambda event, cursor: seen.append(cursor))
    instance.report_engine_event("hello", run)
    deadline = time.monotonic() + 20
    while not seen and time.monotonic() < deadline:
        time.sleep(0.1)
    assert seen
