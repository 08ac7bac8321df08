"""Silver's result for a generated record, in plain Python: written from section 5, not from the product."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

ASCII_WHITESPACE = " \t\n\r\f\v"
SIGNS = {
    **dict.fromkeys(("CHARGE", "MINT", "RECEIVE", "REFUND_IN"), 1),
    **dict.fromkeys(("WITHDRAW", "BURN", "PAYMENT", "REFUND_OUT"), -1),
    **dict.fromkeys(("HOLD", "RELEASE"), 0),
}
STATUSES = ("PAID", "PENDING", "FAILED", "CANCELLED", "REFUNDED")
_MONEY = re.compile(r"([+-]?)0*([0-9]+)(?:\.([0-9]+))?")
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2})(:\d{2})?(?:(?<=:\d{2})\.(\d+))?(Z|[+-]\d{2}(?::?\d{2})?)?", re.ASCII
)

Record = Mapping[str, Any]


def text(value: Any) -> str | None:
    """A field's text without ASCII whitespace around it; blank is missing."""
    if value is None:
        return None
    return str(value).strip(ASCII_WHITESPACE) or None


def money(value: Any) -> Decimal | None:
    """The exact value, or None where the text is no money that ``decimal(18,2)`` holds."""
    match = _MONEY.fullmatch(text(value) or "")
    if match is None:
        return None
    sign, whole, cents = match.group(1), match.group(2), (match.group(3) or "").rstrip("0")
    if len(whole) > 16 or len(cents) > 2:
        return None
    amount = Decimal(f"{whole}.{cents.ljust(2, '0')}")
    return -amount if sign == "-" and amount else amount


def instant(value: Any) -> datetime | None:
    """UTC, cut to microseconds; None also for an instant without a KST day."""
    match = _TIME.fullmatch(text(value) or "")
    if match is None:
        return None
    minutes, seconds, digits, zone = match.groups()
    micros = (digits or "0")[:6].ljust(6, "0")
    offset = "+00:00" if zone in (None, "Z") else zone
    try:
        at = datetime.fromisoformat(f"{minutes}{seconds or ':00'}.{micros}{offset}").astimezone(UTC)
        kst_day = at.astimezone(timezone(timedelta(hours=9))).date()
        return None if kst_day == date.max else at  # "for ever" is no time
    except (ValueError, OverflowError):
        return None


def ledger_reason(row: Record) -> str | None:
    """The first rule that a ledger record breaks (none of the generated ones names a payment order)."""
    amount, kind = money(row.get("amount")), text(row.get("type"))
    checks = (
        ("missing_tx_or_wallet", text(row.get("tx_id")) is None or text(row.get("wallet_id")) is None),
        ("missing_entry_type", kind is None),
        ("invalid_entry_type", kind not in SIGNS),
        ("invalid_amount", amount is None),
        ("non_positive_amount", amount is not None and amount <= 0),
        ("missing_event_time", instant(row.get("created_at")) is None),
    )
    return next((reason for reason, broken in checks if broken), None)


def wallet_reason(row: Record) -> str | None:
    """The first rule that a wallet record breaks (a snapshot instant is always stamped)."""
    balances = [money(row.get(name)) for name in ("balance", "frozen_amount")]
    checks = (
        ("missing_user_id", text(row.get("user_id")) is None),
        ("invalid_balance", None in balances),
        ("negative_balance", any(b is not None and b < 0 for b in balances)),
    )
    return next((reason for reason, broken in checks if broken), None)


def payment_reason(row: Record) -> str | None:
    """The first rule that a payment order breaks; a missing status is allowed."""
    amount, status = money(row.get("amount")), text(row.get("status"))
    checks = (
        ("missing_order_id", text(row.get("order_id")) is None),
        ("invalid_amount", amount is None),
        ("non_positive_amount", amount is not None and amount <= 0),
        ("invalid_status", status is not None and status not in STATUSES),
    )
    return next((reason for reason, broken in checks if broken), None)
