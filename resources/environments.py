"""Which resources an environment has."""

from __future__ import annotations

import os

from configs.settings import Settings
from resources.ledger import LedgerResource


def resources(settings: Settings) -> dict[str, LedgerResource]:
    """The ledger, where it is: in this process, or, seen from the host of the databricks engine, on a cluster."""
    if settings.spark.engine != "databricks":
        return {"ledger": LedgerResource()}
    from resources.databricks.ledger import REMOTE_MARK, DatabricksLedger

    return {"ledger": LedgerResource() if REMOTE_MARK in os.environ else DatabricksLedger()}
