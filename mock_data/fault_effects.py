"""Effects that planted faults must have on the last generated day, under the shipped rules (specification section 8)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from mock_data import faults
from mock_data.day import DAY_SEC
from mock_data.faults import FaultPlanter
from mock_data.report import ExpectedException, PlantedFault

WARN_CRIT = {
    "freshness_sec": (Decimal(300), Decimal(600)),
    "dup_rate_tx_id": (Decimal("0.001"), Decimal("0.01")),
    "contract_bad_records_rate": (Decimal("0.001"), Decimal("0.01")),
}
TAGS = {
    "freshness_sec": "SOURCE_STALE",
    "dup_rate_tx_id": "DUP_SUSPECTED",
    "contract_bad_records_rate": "CONTRACT_VIOLATION",
}
LEDGER_RAW, PAYMENTS_RAW = "bronze.transaction_ledger_raw", "bronze.payment_orders_raw"


def planted_faults(planter: FaultPlanter, first_day_is_last: bool) -> tuple[PlantedFault, ...]:
    """One answer per planted fault, in the order of `FAULT_NAMES`.

    When `bad_rate` is among them Silver stops before any control, so drift and supply produce nothing.
    """
    controlled = faults.BAD_RATE not in planter.names
    drift, gap = planter.drift.text, f"-{faults.SUPPLY_GAP.text}"
    yesterday = () if first_day_is_last else (planter.day - timedelta(days=1),)
    answers: list[PlantedFault] = []
    for name in faults.FAULT_NAMES:
        if name not in planter.names:
            continue
        keys = tuple(planter.keys[name])
        answers.append(
            PlantedFault(
                name=name,
                date_kst=planter.day,
                rows=planter.sizes[name],
                keys=keys,
                quarantined=_quarantined(planter, name),
                drifting_users=dict.fromkeys(keys, drift) if name == faults.DRIFT and controlled else {},
                supply_diff_amount=gap if name == faults.SUPPLY and controlled else None,
                silver_fails=name == faults.BAD_RATE,
                due_for_restatement=yesterday if name == faults.LATE and controlled else (),
            )
        )
    return tuple(answers)


def expected_exceptions(
    planter: FaultPlanter, rows: Mapping[str, int], ingested_sec: int
) -> tuple[ExpectedException, ...]:
    """Every exception of the last day, over all faults: A's from its rates, B's from drift and supply.

    `rows` are the day's lines by table; `ingested_sec` is the newest `ingested_at`, in seconds from KST midnight.
    """
    sizes = planter.sizes
    ledger_rows, payment_rows = rows["transaction_ledger"], rows["payment_orders"]
    silence_sec = Decimal(DAY_SEC - ingested_sec)
    # A torn line carries no time of its own: the load stamps it with the landing day's last microsecond.
    payment_silence_sec = Decimal(0) if sizes[faults.UNPARSABLE] else silence_sec
    payment_bad = sizes[faults.UNPARSABLE] + (1 if sizes[faults.BAD_ROWS] else 0)
    replays = sizes[faults.DUPLICATES] + sizes[faults.CONFLICTS]
    ledger_bad = sizes[faults.BAD_ROWS] + sizes[faults.BAD_RATE]
    measured = (
        (LEDGER_RAW, "freshness_sec", silence_sec),
        (PAYMENTS_RAW, "freshness_sec", payment_silence_sec),
        # Every planted ledger record keeps its tx_id, so rows with a key are all rows.
        (LEDGER_RAW, "dup_rate_tx_id", Decimal(replays) / ledger_rows),
        (LEDGER_RAW, "contract_bad_records_rate", Decimal(ledger_bad) / ledger_rows),
        (PAYMENTS_RAW, "contract_bad_records_rate", Decimal(payment_bad) / payment_rows),
    )
    found = [_dq(table, metric, value) for table, metric, value in measured]
    return (*(exception for exception in found if exception is not None), *_control_exceptions(planter))


def _dq(source_table: str, metric: str, value: Decimal) -> ExpectedException | None:
    """A's verdict on one metric: at or above a threshold is a finding."""
    warn, crit = WARN_CRIT[metric]
    if value < warn:
        return None
    severity = "CRITICAL" if value >= crit else "WARN"
    return ExpectedException(
        "dq", TAGS[metric], severity, metric, _six_places(value), source_table=source_table
    )


def _control_exceptions(planter: FaultPlanter) -> list[ExpectedException]:
    """B's exceptions; none when Silver failed, because the controls then refuse to run."""
    if faults.BAD_RATE in planter.names:
        return []
    drift = _six_places(Decimal(planter.drift.text))
    found = [
        ExpectedException("ledger", "RECON_DRIFT_HIGH", "CRITICAL", "drift_abs", drift, user_id=user)
        for user in planter.keys.get(faults.DRIFT, ())
    ]
    if faults.SUPPLY in planter.names:
        gap = _six_places(Decimal(faults.SUPPLY_GAP.text))
        found.append(ExpectedException("ledger", "SUPPLY_MISMATCH", "CRITICAL", "supply_diff_abs", gap))
    return found


def _quarantined(planter: FaultPlanter, name: str) -> dict[str, dict[str, int]]:
    """Rows of `silver.bad_records` by Silver table and reason."""
    size = planter.sizes[name]
    if name == faults.CONFLICTS:
        return {"silver.ledger_entries": {"conflicting_duplicate": size}}
    if name == faults.UNPARSABLE:
        return {"silver.order_events": {"unparsable_record": size}}
    if name not in planter.reasons:
        return {}
    quarantined = {"silver.ledger_entries": dict(planter.reasons[name])}
    if name == faults.BAD_ROWS:
        quarantined |= {
            "silver.order_events": {"invalid_status": 1},
            "silver.order_items": {"missing_required_keys": 1},
            "silver.products": {"missing_product_id": 1},
        }
    return quarantined


def _six_places(value: Decimal) -> str:
    return str(value.quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP))
