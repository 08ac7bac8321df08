"""INV-89: No silent waiting: whatever waits says in one line why, how long, and what comes then."""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator

import dagster as dg
import pytest
from pyspark.errors import PySparkException

from assets.execution import failing_at_once
from assets.limits import _FaultsOnly
from configs.settings import ROOT
from ledger.errors import CommitConflictError, TransientError

PACKAGES = ("ledger", "operations", "assets", "orchestration", "resources", "configs")
# Pauses too short to be noticed, or that something else tells: why each of them says nothing.
SHORT = {
    ("ledger/delta/log_files.py", "_looked_through"): "0.2 s, once",
    ("ledger/delta/log_files.py", "_check_commit"): "0.2 s, once",
    ("orchestration/ui.py", "main"): "the servers are up, and their address is told",
    ("resources/spark.py", "lost_engine"): "1 s at most, of an engine that ends",
    ("resources/engine_process.py", "open"): "0.05 s, of the gate",
    ("resources/databricks/launcher.py", "_watch"): "told once, with the run's address",
    ("resources/databricks/launcher.py", "_new_events"): "1.7 s at most, when the run is over",
}


def test_a_pause_before_a_retry_says_what_for_and_how_long(caplog: pytest.LogCaptureFixture) -> None:
    """And the last failure, after which nothing waits, says nothing of the kind."""

    @dg.op(retry_policy=_FaultsOnly(max_retries=2, delay=0.01))
    def failing() -> None:
        with failing_at_once():
            raise TransientError("the storage does not answer", table="gold.t")

    @dg.job
    def job() -> None:
        failing()

    with caplog.at_level(logging.INFO, logger="ledger.pauses"):
        assert not job.execute_in_process(raise_on_error=False).success
    assert [r.getMessage() for r in caplog.records if r.name == "ledger.pauses"] == [
        f"the storage does not answer [table=gold.t]; waits 0.0 s, then try {n} of 3" for n in (2, 3)
    ]


def test_a_log_that_changed_while_it_was_read_is_a_fault_that_passes() -> None:
    """The engine lists the log beside another writer; a write repeats at once, a read with the operation."""
    with (
        pytest.raises(CommitConflictError, match="another writer changed a table while it was read"),
        failing_at_once(),
    ):
        raise PySparkException("Missing commit file: expected version 4, found 5")


def sleeping() -> Iterator[tuple[str, str, str]]:
    """File, function and its text, of every function that sleeps."""
    for file in (file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))):
        source = file.read_text("utf-8")
        if "sleep(" in source:
            functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
            for function in functions:
                if "time.sleep(" in (text := ast.unparse(function)):
                    yield str(file.relative_to(ROOT)), function.name, text


def test_every_pause_is_told_or_short() -> None:
    found = list(sleeping())
    silent = {
        (file, name)
        for file, name, text in found
        if not any(sign in text for sign in ("say_pause(", "logger."))
    }
    assert silent <= set(SHORT), "say it with ledger.pauses"
    assert set(SHORT) <= {(file, name) for file, name, _ in found}, "it sleeps no longer"
