"""Which resources an environment has."""

from __future__ import annotations

from resources.ledger import LedgerResource


def resources() -> dict[str, LedgerResource]:
    """The resources of every environment; what differs between them is in their settings."""
    return {"ledger": LedgerResource()}
