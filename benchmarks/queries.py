"""``python -m benchmarks.queries``: how often each operation of a day asks the engine.

On a cluster each execution is a job of its own, so this is the nightly bill. Counted where the client sends them:
executions (queries and commands) and analyses (schemas and plans). ``tests/integration/test_queries.py`` holds the
numbers as upper bounds.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from pyspark.sql.connect.client.core import SparkConnectClient

FIRST = date(2026, 2, 1)
ENTRIES, USERS = 6_000, 200
JOBS = (
    "bronze_ingest",
    "pipeline_a_guardrail",
    "pipeline_silver_materialization",
    "pipeline_b_controls",
    "pipeline_c_analytics",
)


@dataclass
class Asked:
    """Executions and analyses by job; what no job asked stands under ``the command``."""

    executions: Counter[str] = field(default_factory=Counter)
    analyses: Counter[str] = field(default_factory=Counter)
    job: str = "the command"


@contextlib.contextmanager
def asked() -> Iterator[Asked]:
    """Count what the block sends to the engine, by the job that this process runs."""
    found = Asked()
    client: Any = SparkConnectClient
    execute, analyze = client._execute_and_fetch_as_iterator, client._analyze
    run = dg.JobDefinition.execute_in_process

    def counted(method: Callable[..., Any], counts: Counter[str]) -> Callable[..., Any]:
        def call(self: object, *arguments: object, **options: object) -> Any:
            counts[found.job] += 1
            return method(self, *arguments, **options)

        return call

    def execute_in_process(self: dg.JobDefinition, *arguments: Any, **options: Any) -> Any:
        found.job = self.name
        try:
            return run(self, *arguments, **options)
        finally:
            found.job = "the command"

    client._execute_and_fetch_as_iterator = counted(execute, found.executions)
    client._analyze = counted(analyze, found.analyses)
    dg.JobDefinition.execute_in_process = execute_in_process  # type: ignore[method-assign]  # to know whose they are
    try:
        yield found
    finally:
        client._execute_and_fetch_as_iterator, client._analyze = execute, analyze
        dg.JobDefinition.execute_in_process = run  # type: ignore[method-assign]  # as it was


def main() -> int:
    """Generate two days, run the first, count the second; print one line per job."""
    from orchestration.cli import main as ledgerctl

    def run(*words: object) -> None:
        told = io.StringIO()
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            if code := ledgerctl([str(word) for word in words]):
                raise SystemExit(f"ledgerctl {words[0]} ended with {code}:\n{told.getvalue()}")

    with tempfile.TemporaryDirectory(prefix="ledger-queries-") as folder:
        for name, value in _settings(Path(folder)).items():
            os.environ[name] = value
        run("mock", "--from", FIRST, "--days", 2, "--users", USERS, "--entries", ENTRIES, "--seed", 7)
        run("day", FIRST)
        with asked() as found:
            run("day", FIRST + timedelta(days=1))
    print(f"{'operation':34}{'executions':>12}{'analyses':>10}")
    for job in (*JOBS, "the command"):
        print(f"{job:34}{found.executions[job]:12}{found.analyses[job]:10}")
    of_jobs = [sum(counts[job] for job in JOBS) for counts in (found.executions, found.analyses)]
    print(f"{'all operations':34}{of_jobs[0]:12}{of_jobs[1]:10}")
    return 0


def _settings(folder: Path) -> dict[str, str]:
    """A warehouse, landing and instance of its own."""
    places = {
        "PIPELINE_CFG__LAKEHOUSE__WAREHOUSE": folder / "warehouse",
        "PIPELINE_CFG__LAKEHOUSE__LANDING": folder / "landing",
        "DAGSTER_HOME": folder / "dagster",
    }
    for place in places.values():
        place.mkdir()
    return {name: str(place) for name, place in places.items()}


if __name__ == "__main__":
    sys.exit(main())
