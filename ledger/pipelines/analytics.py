"""Pipeline C: a mart without personal data (spec section 7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ledger.anonymize import salt_relation
from ledger.delta.scope import Scope
from ledger.gold import fact_payment_anonymized
from ledger.pipelines.attempt import Outcome, Restatement, Run, attempt_of, observed, recorded_failure
from ledger.pipelines.control_notes import note_controlled, upstream_of
from ledger.pipelines.registry import PIPELINE_C
from ledger.pipelines.restatement import note_total, restated_facts, restatement_of
from ledger.quality.mart import mart_verdicts
from ledger.readiness import Upstream
from ledger.silver import order_events, order_items, products
from ledger.state import record_success
from ledger.window import Window

TABLE = fact_payment_anonymized.TABLE


@dataclass(frozen=True)
class Mart:
    """One KST day of the mart. ``rows`` is staged; ``payments`` names users, and is only looked at for the checks."""

    window: Window
    upstream: Upstream
    restated: Restatement | None
    payments: DataFrame
    rows: DataFrame


def run_analytics(run: Run, window: Window, *, salt: Callable[[], str]) -> Outcome:
    """Replace the mart's partition of one KST day by its payments with a user.

    ``salt`` resolves the secret. Raises :class:`SecretError` when it is missing or blank,
    :class:`ReadinessError` on an unready day; the mart is untouched then.
    """
    with recorded_failure(run, PIPELINE_C.name, window):
        computed = compute(run, window, secret=salt())
        outcome = commit(run, computed)
    observed(outcome, lambda: mart_verdicts(computed.rows, run.lakehouse.columns(TABLE), computed.payments))
    return outcome


def compute(run: Run, window: Window, *, secret: str) -> Mart:
    """The day's payments without a person in them. Writes nothing."""
    upstream, day, lakehouse = upstream_of(run, PIPELINE_C.name, window), window.date_kst, run.lakehouse
    payments = lakehouse.read(order_events.TABLE, Scope.of([day])).where(
        F.col("order_source") == order_events.PAYMENT_ORDERS
    )
    refs = payments.select("order_ref").distinct()
    items = lakehouse.read(order_items.TABLE).join(refs, ["order_ref"], "left_semi")
    categories = fact_payment_anonymized.category_per_order(items, lakehouse.read(products.TABLE))
    rows = fact_payment_anonymized.anonymized_payments(
        payments, categories, salt_relation(lakehouse.spark, secret), day=day, run_id=run.run_id
    )
    restated = restatement_of(run, PIPELINE_C.name, window, upstream)
    return Mart(window, upstream, restated, payments, lakehouse.stage(rows))


def commit(run: Run, computed: Mart) -> Outcome:
    """Note what changes in a day that was computed before, replace its partition, record the success."""
    window, restated = computed.window, computed.restated
    noted = note_total(run, restated, TABLE, computed.rows, "amount")
    outcome = Outcome(window, restated=restated, facts=restated_facts(restated, {TABLE.name: noted}))
    outcome.read[TABLE.full_name] = computed.payments.count()
    outcome.wrote(TABLE, run.lakehouse.replace_partition(TABLE, computed.rows, window.date_kst))
    record_success(run.lakehouse, attempt_of(run, PIPELINE_C.name, window, outcome))
    note_controlled(run, PIPELINE_C.name, window, upstream=computed.upstream)
    return outcome
