"""Creating and validating the catalog, on demand (spec section 9)."""

import dagster as dg

from assets.execution import failing_at_once
from assets.limits import run_tags
from ledger.pipelines.catalog import bootstrap
from resources import told
from resources.ledger import LedgerResource


@dg.op
def create_and_validate_tables(context: dg.OpExecutionContext, ledger: LedgerResource) -> None:
    """Create missing schemas and tables, validate existing ones column by column; load no data."""
    with failing_at_once():
        settings = ledger.settings()
        with ledger.lakehouse(settings) as lakehouse:
            created = bootstrap(lakehouse)
    context.log.info(told.text(f"created {len(created)} tables: {', '.join(created) or 'none'}"))


@dg.job(name="bootstrap_catalog", executor_def=dg.in_process_executor, tags=run_tags("bootstrap_catalog"))
def bootstrap_catalog() -> None:
    """Create and validate every table; loads no data."""
    create_and_validate_tables()
