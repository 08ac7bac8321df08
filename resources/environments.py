"""Which resources an environment has."""

from __future__ import annotations

import dagster as dg

from resources.ledger import LedgerResource


def resources() -> dict[str, dg.ConfigurableResource[object]]:
    """The resources of every environment; what differs between them is in their settings."""
    return {"ledger": LedgerResource()}
