"""The monthly clean-up of the quarantine (spec section 9, runbook section 7.1)."""

import dagster as dg
from pydantic import Field

from assets.catalog import asset_key
from assets.execution import failing_at_once
from assets.limits import RETRY_POLICY, run_tags
from ledger.clock import refuse_far_ahead
from ledger.errors import ParameterError
from ledger.jobs import JOBS, PARAMETERS
from ledger.pipelines.retention import Expired, delete_expired, find_expired
from ledger.silver import bad_records
from ledger.window import kst_day
from resources import told
from resources.ledger import LedgerResource

RETENTION_JOB = "bad_records_retention_cleanup"
RETENTION_OP = "clean_up_bad_records"
_LONGEST_DAYS = 36500


class RetentionParameters(dg.Config):
    """Parameters of the clean-up, as text; blank means not given."""

    retention_days: str = Field("", description=PARAMETERS["retention_days"])
    dry_run: str = Field("", description=PARAMETERS["dry_run"])


def retention_days(text: str, default: int) -> int:
    """The parameter ``retention_days``; raises :class:`ParameterError`."""
    if not text.strip():
        return default
    if not (
        text.strip().isascii()
        and text.strip().isdigit()
        and len(text) < 10
        and 1 <= int(text) <= _LONGEST_DAYS
    ):
        raise ParameterError(
            f"parameter retention_days: {text!r} is not a whole number of days from 1 to {_LONGEST_DAYS}",
            action="correct it; nothing was deleted",
        )
    return int(text)


def is_dry_run(text: str) -> bool:
    """The parameter ``dry_run``; raises :class:`ParameterError`."""
    if text.strip().lower() not in ("", "true", "false"):
        raise ParameterError(
            f"parameter dry_run: {text!r} is neither true nor false", action="correct it; nothing was deleted"
        )
    return text.strip().lower() == "true"


@dg.op(name=RETENTION_OP, retry_policy=RETRY_POLICY, pool=RETENTION_JOB)
def clean_up_bad_records(
    context: dg.OpExecutionContext, config: RetentionParameters, ledger: LedgerResource
) -> None:
    """Report per day what the retention no longer keeps; then, unless it is a dry run, delete exactly that."""
    with failing_at_once():
        settings = ledger.settings()
        days, dry_run = (
            retention_days(config.retention_days, settings.retention.days),
            is_dry_run(config.dry_run),
        )
        now = ledger.now()
        with ledger.lakehouse(settings) as lakehouse:
            is_external = settings.bronze.ingest == "external"
            refuse_far_ahead(
                lakehouse, now, landing=None if is_external else settings.resolved(settings.lakehouse.landing)
            )
            expired = find_expired(lakehouse, today=kst_day(now), retention_days=days)
            if not dry_run:
                delete_expired(lakehouse, expired)
    verb = "would go" if dry_run else "deleted"
    context.log.info(told.text(f"{expired.rows} bad records before {expired.keep_from} {verb}"))
    context.log_event(
        dg.AssetObservation(
            asset_key(bad_records.TABLE),
            description=told.text(f"Retention of {days} days: {expired.rows} rows {verb}"),
            metadata=told.metadata(
                {
                    "rows_expired": expired.rows,
                    "rows_deleted": 0 if dry_run else expired.rows,
                    "dry_run": dry_run,
                    "retention_days": days,
                    "keep_from": expired.keep_from,
                    "per_day": _per_day(expired),
                }
            ),
        )
    )


def _per_day(expired: Expired) -> dg.TableMetadataValue:
    """Expired rows, day by day."""
    rows = [{"detected_date_kst": day, "rows": rows} for day, rows in expired.rows_per_day.items()]
    return told.table(("detected_date_kst", "rows"), rows)


@dg.job(
    name=RETENTION_JOB,
    description=JOBS[RETENTION_JOB].description,
    executor_def=dg.in_process_executor,
    tags=run_tags(RETENTION_JOB),
)
def bad_records_retention_cleanup() -> None:
    """The dry run, or the deletion, as one operation."""
    clean_up_bad_records()
