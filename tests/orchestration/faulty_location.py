"""The product's code location with faults planted where a file asks for them; served by a real code server.

A file ``<point>.<n>`` in the folder ``LEDGER_TEST_FAULTS`` holds the fault of one pass: ``hang``, ``slow``, ``data``
or ``transient``. The first to pass the point takes the file away, so that the next attempt is undisturbed. Retries
come after a second instead of five minutes; the sensors that react to runs are on, schedules are off.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg

import assets.limits
from ledger.errors import ContractError, TransientError
from ledger.gold import fact_payment_anonymized, ledger_supply_balance_daily, recon_daily_snapshot_flow
from ledger.pipelines import guardrail, silver

HANG_SEC = 600
SLOW_SEC = 4
# Inside each pipeline's compute, on the thread that runs it.
POINTS: tuple[tuple[str, ModuleType, str], ...] = (
    ("guardrail", guardrail, "load_landing"),
    ("silver", silver, "load_landing"),
    ("recon", recon_daily_snapshot_flow, "snapshot_pairs"),
    ("supply", ledger_supply_balance_daily, "supply_row"),
    ("analytics", fact_payment_anonymized, "category_per_order"),
)


def _planted(point: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def passed(*arguments: Any, **options: Any) -> Any:
        kind = _take(point)
        if kind == "hang":
            time.sleep(HANG_SEC)
        elif kind == "slow":
            time.sleep(SLOW_SEC)
        elif kind == "data":
            raise ContractError(f"planted at {point}", action="nothing")
        elif kind == "transient":
            raise TransientError(f"planted at {point}")
        return real(*arguments, **options)

    return passed


def _take(point: str) -> str | None:
    for fault in sorted(Path(os.environ["LEDGER_TEST_FAULTS"]).glob(f"{point}.*")):
        try:
            taken = fault.rename(fault.with_name(f"taken-{fault.name}"))
        except FileNotFoundError:
            continue  # another process was faster
        return taken.read_text()
    return None


assets.limits.RETRY_POLICY = dg.RetryPolicy(max_retries=assets.limits.RETRIES, delay=1)
for _point, _module, _name in POINTS:
    setattr(_module, _name, _planted(_point, getattr(_module, _name)))

# Only now, so that the assets take the short pause.
from orchestration import definitions as product  # noqa: E402
from orchestration.sensors.failures import failure_sensors  # noqa: E402
from orchestration.sensors.late_data import late_data_sensor  # noqa: E402
from orchestration.sensors.silver_ready import silver_ready_sensor  # noqa: E402

_ON = dg.DefaultSensorStatus.RUNNING
defs = dg.Definitions(
    assets=product.defs.assets,
    asset_checks=product.defs.asset_checks,
    jobs=product.defs.jobs,
    schedules=product.defs.schedules,
    sensors=[*failure_sensors(_ON), silver_ready_sensor(_ON), late_data_sensor(_ON)],
    resources=product.defs.resources,
)
