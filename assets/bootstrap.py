"""Creating and validating the catalog, on demand (spec section 9)."""

import dagster as dg

from assets.execution import failing_at_once
from assets.limits import run_tags
from ledger.jobs import JOBS
from ledger.pipelines.catalog import bootstrap
from resources import told
from resources.ledger import LedgerResource

BOOTSTRAP_JOB = "bootstrap_catalog"


@dg.op
def create_and_validate_tables(context: dg.OpExecutionContext, ledger: LedgerResource) -> None:
    """Create missing schemas and tables, validate existing ones column by column; load no data."""
    with failing_at_once():
        settings = ledger.settings()
        with ledger.lakehouse(settings) as lakehouse:
            created = bootstrap(lakehouse)
    context.log.info(told.text(f"created {len(created)} tables: {', '.join(created) or 'none'}"))


@dg.job(
    name=BOOTSTRAP_JOB,
    description=JOBS[BOOTSTRAP_JOB].description,
    executor_def=dg.in_process_executor,
    tags=run_tags(BOOTSTRAP_JOB),
)
def bootstrap_catalog() -> None:
    """The whole catalog as one operation."""
    create_and_validate_tables()
