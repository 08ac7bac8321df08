"""Pipeline B: is the ledger consistent? Its tables, and the task that ends it (spec section 7).

The other two tasks are :mod:`ledger.pipelines.recon` and :mod:`ledger.pipelines.supply_ops`.
"""

from __future__ import annotations

from ledger.delta.lakehouse import WriteResult
from ledger.delta.scope import Scope
from ledger.gold import (
    admin_tx_search,
    ledger_supply_balance_daily,
    ops_ledger_pairing_quality_daily,
    ops_payment_failure_daily,
    ops_payment_refund_daily,
    pipeline_state,
    recon_daily_snapshot_flow,
)
from ledger.pipelines.attempt import Outcome, Run, attempt_of
from ledger.pipelines.control_notes import RECON, SUPPLY_OPS, note_controlled
from ledger.pipelines.registry import PIPELINE_B
from ledger.silver import ledger_entries, order_events, wallet_snapshot
from ledger.state import record_success
from ledger.window import Window

RECON_TABLES = (recon_daily_snapshot_flow.TABLE,)
SUPPLY_OPS_TABLES = (
    ledger_supply_balance_daily.TABLE,
    ops_payment_failure_daily.TABLE,
    ops_payment_refund_daily.TABLE,
    ops_ledger_pairing_quality_daily.TABLE,
    admin_tx_search.TABLE,
)
_INPUTS = (ledger_entries.TABLE, wallet_snapshot.TABLE, order_events.TABLE)


def finalize_success(run: Run, window: Window) -> Outcome:
    """Both tasks succeeded: log the attempt with the day's Gold rows and advance ``pipeline_b``."""
    lakehouse, day = run.lakehouse, Scope.of([window.date_kst])
    outcome = Outcome(window)
    for table in (*RECON_TABLES, *SUPPLY_OPS_TABLES):
        outcome.wrote(table, WriteResult(inserted=lakehouse.count(table, day)))
    outcome.read[pipeline_state.TABLE.full_name] = sum(lakehouse.count(table, day) for table in _INPUTS)
    record_success(lakehouse, attempt_of(run, PIPELINE_B.name, window, outcome))
    note_controlled(run, PIPELINE_B.name, window, operations=(RECON, SUPPLY_OPS))
    return outcome
