"""A tiny landing folder for tests, with an oracle over it, and short spellings of its records."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from tests.oracle.warehouse import Oracle

TYPES = "CHARGE MINT RECEIVE REFUND_IN WITHDRAW BURN PAYMENT REFUND_OUT HOLD RELEASE"


def rule(domain: str, metric: str, **content: Any) -> dict[str, Any]:
    base = {"rule_id": f"{domain}/{metric}", "domain": domain, "metric": metric, "threshold": None}
    base |= {"severity_map": None, "allowed_values": None, "comment": "", "effective_end_ts": None}
    return base | {"effective_start_ts": "2026-01-01T00:00:00Z", "is_current": True} | content


def default_rules(bad_rate: float = 0.5) -> list[dict[str, Any]]:
    statuses = ["PAID", "PENDING", "FAILED", "CANCELLED", "REFUNDED"]
    return [
        rule("dq", "freshness_sec", severity_map={"warn": 300, "crit": 600}),
        rule("dq", "freshness_sec:user_wallets_raw", severity_map={"warn": 90000, "crit": 172800}),
        rule("dq", "dup_rate_tx_id", severity_map={"warn": 0.001, "crit": 0.01}),
        rule("dq", "completeness_zero_windows", severity_map={"warn": 1, "crit": 3}),
        rule("dq", "completeness_zero_windows:user_wallets_raw", severity_map={"warn": 144, "crit": 288}),
        rule("dq", "contract_bad_records_rate", severity_map={"warn": 0.001, "crit": 0.01}),
        rule("ledger", "drift_abs", threshold=0.0),
        rule("ledger", "supply_diff_abs", threshold=0.0),
        rule("silver", "bad_records_rate", severity_map={"fail": bad_rate}),
        rule("silver", "entry_type_allowed", allowed_values=TYPES.split()),
        rule("silver", "payment_status_allowed", allowed_values=statuses),
    ]


class Lake:
    """A landing folder that grows, and an oracle over it."""

    def __init__(self, root: Path, **options: Any) -> None:
        self.root, self.files = root, 0
        self.oracle = Oracle(root, options.pop("rules", default_rules()), **options)

    def land(self, table: str, day: date, *records: dict[str, Any] | str) -> None:
        folder = self.root / table / f"date={day}"
        folder.mkdir(parents=True, exist_ok=True)
        self.files += 1
        lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
        (folder / f"part-{self.files}.jsonl").write_text("\n".join(lines), "utf-8")

    def replace(self, table: str, day: date, number: int, *records: dict[str, Any] | str) -> None:
        """Other content under the path of the `number`-th file."""
        self.files, last = number - 1, self.files
        self.land(table, day, *records)
        self.files = last

    def rows(self, table: str, *names: str) -> list[tuple[Any, ...]]:
        return sorted((tuple(row[name] for name in names) for row in self.oracle.tables[table]), key=str)


def tx(tx_id: str, at: str = "2026-02-01T01:00:00Z", **more: Any) -> dict[str, Any]:
    return {"tx_id": tx_id, "wallet_id": "u1", "type": "CHARGE", "amount": "10.00", "created_at": at} | more


def wallet(balance: str, at: str, user: str = "u1", **more: Any) -> dict[str, Any]:
    return {"user_id": user, "balance": balance, "frozen_amount": 0, "source_extracted_at": at} | more


def payment(
    order_id: str, status: str | None, at: str = "2026-02-01T01:00:00Z", **more: Any
) -> dict[str, Any]:
    return {"order_id": order_id, "user_id": "u1", "amount": 10, "status": status, "created_at": at} | more
