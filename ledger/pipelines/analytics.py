"""Pipeline C: a mart without personal data (spec section 7)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pyspark.sql import functions as F

from ledger.anonymize import salt_relation
from ledger.delta.scope import Scope
from ledger.gold import fact_payment_anonymized
from ledger.pipelines.attempt import Outcome, Run, attempt_of, observed, recorded_failure
from ledger.pipelines.control_notes import note_controlled, upstream_of
from ledger.pipelines.restatement import note_total, restatement_of
from ledger.quality.mart import mart_verdicts
from ledger.silver import order_events, order_items, products
from ledger.state import record_success
from ledger.window import Window


def run_analytics(run: Run, window: Window, *, salt: Callable[[], str]) -> Outcome:
    """Replace the mart's partition of one KST day by its payments with a user.

    ``salt`` resolves the secret. Raises :class:`SecretError` when it is missing or blank,
    :class:`ReadinessError` on an unready day; the mart is untouched then.
    """
    with recorded_failure(run, "pipeline_c", window):
        secret = salt()
        upstream = upstream_of(run, "pipeline_c", window)
        outcome, day, lakehouse = Outcome(window), window.date_kst, run.lakehouse
        outcome.restated = restatement_of(run, "pipeline_c", window, upstream)
        payments = lakehouse.read(order_events.TABLE, Scope.of([day])).where(
            F.col("order_source") == order_events.PAYMENT_ORDERS
        )
        refs = payments.select("order_ref").distinct()
        items = lakehouse.read(order_items.TABLE).join(refs, ["order_ref"], "left_semi")
        categories = fact_payment_anonymized.category_per_order(items, lakehouse.read(products.TABLE))
        rows = lakehouse.stage(
            fact_payment_anonymized.anonymized_payments(
                payments, categories, salt_relation(lakehouse.spark, secret), day=day, run_id=run.run_id
            )
        )
        outcome.read[fact_payment_anonymized.TABLE.full_name] = payments.count()
        note_total(run, outcome, fact_payment_anonymized.TABLE, rows, "amount")
        outcome.wrote(
            fact_payment_anonymized.TABLE,
            lakehouse.replace_partition(fact_payment_anonymized.TABLE, rows, day),
        )
        record_success(lakehouse, attempt_of(run, "pipeline_c", window, outcome))
        note_controlled(run, "pipeline_c", window, upstream=upstream)
    stored = lakehouse.read(fact_payment_anonymized.TABLE)
    observed(outcome, partial(mart_verdicts, rows, stored.columns, payments))
    return outcome
