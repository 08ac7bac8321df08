"""Which resources an environment has."""

from __future__ import annotations

import os
from typing import Any

import dagster as dg

from configs.settings import Settings
from resources.ledger import LedgerResource
from resources.parameters import RESOURCE, run_parameters


def resources(settings: Settings) -> dict[str, Any]:
    """The ledger, and the parameters of a run."""
    return {"ledger": ledger_of(settings), RESOURCE: run_parameters}


def ledger_of(settings: Settings) -> LedgerResource:
    """The ledger, where it is: in this process, or, seen from the host of the databricks engine, on a cluster."""
    if settings.spark.engine != "databricks":
        return LedgerResource()
    from resources.databricks.ledger import REMOTE_MARK, DatabricksLedger

    return LedgerResource() if REMOTE_MARK in os.environ else DatabricksLedger()


def run_executor(settings: Settings) -> dg.ExecutorDefinition:
    """One process per run, so that a run starts Spark once; waiting for several clusters takes several processes."""
    return dg.multiprocess_executor if not settings.has_local_tables else dg.in_process_executor
