"""A code location whose one step does what a test asks for, without Spark: the launcher's faults need no tables."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from assets.execution import failing_at_once
from configs.settings import load_settings
from ledger.errors import ParameterError, TransientError
from resources.databricks.code_package import ALLOWED
from resources.databricks.ledger import DatabricksLedger
from resources.environments import resources
from resources.ledger import NEEDS_SALT, LedgerResource


class ProbeLedger(DatabricksLedger):
    """The launcher as it is, taking this module along."""

    code = (*ALLOWED, ("tests/resources/databricks", "probe.py"))


class ProbeConfig(dg.Config):
    """``what`` the step does; it writes its process id to ``marker`` first."""

    what: str = "succeed"
    marker: str = ""
    rule_load_mode: str = ""


@dg.multi_asset(
    specs=[dg.AssetSpec("probe")],
    retry_policy=dg.RetryPolicy(max_retries=2, delay=0.05),
    op_tags=NEEDS_SALT,
    check_specs=[dg.AssetCheckSpec("holds", asset="probe")],
)
def probe(
    context: dg.AssetExecutionContext, config: ProbeConfig, ledger: LedgerResource
) -> Iterator[dg.MaterializeResult[Any]]:
    """Does what it is told."""
    if config.marker:
        with Path(config.marker).open("a", encoding="utf-8") as stream:
            stream.write(f"{os.getpid()}\n")
    with failing_at_once():
        said = _act(config, ledger)
    yield dg.MaterializeResult(
        metadata={
            "where": type(ledger).__name__,
            "environment": os.environ.get("PIPELINE_ENV", ""),
            "salt": said,
            "started": context.run.tags.get("ledger/run_started", ""),
            "attempt": context.retry_number + 1,
        },
        check_results=[dg.AssetCheckResult(check_name="holds", passed=True)],
    )


def _act(config: ProbeConfig, ledger: LedgerResource) -> str:
    what = config.what
    if what == "refuse":
        raise ParameterError("parameter what: refused by the step")
    if what == "pass by":
        raise TransientError("a fault that may pass")
    if what == "hang" or (what == "hang once" and _times_started(config) == 1):
        time.sleep(600)
    if what == "print":
        for _ in range(100):
            sys.stdout.write(("x" * 99 + "\n") * 10_486)
        print("last line")
    if what == "salt":
        salt = ledger.salt(load_settings())
        print(f"the salt is {salt}")
        return f"{len(salt)} characters, {salt}"
    return "not asked for"


def _times_started(config: ProbeConfig) -> int:
    return len(Path(config.marker).read_text(encoding="utf-8").splitlines())


_bound = resources(load_settings())
defs = dg.Definitions(
    assets=[probe],
    jobs=[
        dg.define_asset_job(
            "probe_job", [probe], executor_def=dg.in_process_executor, tags={"pipeline": "probe"}
        )
    ],
    resources={k: ProbeLedger() if isinstance(v, DatabricksLedger) else v for k, v in _bound.items()},
)
