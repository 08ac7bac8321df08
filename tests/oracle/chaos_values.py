"""Pools of nasty values for `chaos`: what is valid but odd, and what is not valid at all."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal


@dataclass(frozen=True)
class Raw:
    """A JSON fragment written as it stands (a number, a boolean, an object), not as a string."""

    text: str


Value = str | Raw | None
Record = dict[str, Value]

TRUE, FALSE = Raw("true"), Raw("false")

# Valid money in unusual clothes. Zero-like ones are apart, because a ledger amount must be positive.
ODD_MONEY: list[Value] = [
    "+5",
    "007.10",
    "1.500",
    " 12.30\t",
    "\n7\r\n",
    Raw("12"),
    Raw("12.5"),
    Raw("1.500"),
    "9999999999999999.99",
    Raw("9999999999999999.99"),
    "0000000000000000000012.34",
    "0.01",
    "3.1000000000000000000000",
]
ZERO_MONEY: list[Value] = ["-0", "0", "0.00", Raw("-0"), "+0.000"]
BAD_MONEY: list[Value] = [
    None,
    "",
    " \t ",
    "1e3",
    Raw("1e3"),
    Raw("1E+2"),
    "1.005",
    Raw("1.005"),
    ".5",
    "5.",
    "NaN",
    "Infinity",
    "abc",
    "1,000",
    "1 000",
    "--5",
    "0x10",
    "\uff11\uff12",
    "12\u00a0",
    TRUE,
    Raw('{"value": 5}'),
    Raw("[5]"),
    "10000000000000000",
    "99999999999999999.99",
    Raw("12345678901234567"),
    "1.234567",
]
NEGATIVE_MONEY: list[Value] = ["-1", "-0.01", Raw("-12.50"), "-007"]

BLANKS: list[Value] = [None, "", " ", "\t\n", " \v\f\r "]

BAD_INTEGERS: list[Value] = [
    None,
    "",
    "1.0",
    Raw("1.0"),
    Raw("1e3"),
    "abc",
    TRUE,
    "9223372036854775808",
    Raw("-9223372036854775809"),
    "99999999999999999999999999",
    "\uff11\uff12",
    "1_000",
    Raw("{}"),
]

BAD_TIMESTAMPS: list[Value] = [
    None,
    "",
    "junk",
    "2026-02-30T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-02-01T25:00:00Z",
    "2026-02-01T10:61:00Z",
    "2026-02-01T10:00:00Z tail",
    "2026-02-01T10:00:00+99:00",
    Raw("1769904000"),
    TRUE,
]

BAD_BOOLEANS: list[Value] = [None, "", "maybe", Raw("7"), Raw("[]")]

MALFORMED = [
    '{"tx_id": "trunc',
    '{"order_id": "x", "amount": ',
    "[1, 2, 3]",
    '"just text"',
    "null",
    "42",
    '{"amount": NaN, "tx_id": "nan"}',
    '{"amount": 007}',
    '{"amount": .5}',
    '{"amount": +5}',
    "{'single': 'quotes'}",
    '{"a": 1}}',
    '{"a": 1} {"b": 2}',
    '{"a" 1}',
    'not json at all, 한글 \\ "',
    '{"tab": "raw\ttab"}',
]

NAMES = [
    "Mart",
    " Mart ",
    "카페 서울",
    'Quote "Q" Shop',
    "Back\\slash",
    "Emoji 😀🛒",
    "Comma, Inc.",
    "line\nbreak",
    "mart",
    "O'Brien",
    "null",
    "\uff21\uff22\uff23",
    "\u00a0nbsp\u00a0",
]
STATUSES = ["PAID", "PENDING", "FAILED", "CANCELLED", "REFUNDED"]
BAD_STATUSES = ["paid", "UNKNOWN", "PAID!", "취소"]
CATEGORIES: list[Value] = ["food", "toys", " food ", "Food", "음료", None, "", " "]
TYPES = [
    "CHARGE",
    "MINT",
    "RECEIVE",
    "REFUND_IN",
    "WITHDRAW",
    "BURN",
    "PAYMENT",
    "REFUND_OUT",
    "HOLD",
    "RELEASE",
]
BAD_TYPES = ["charge", "PAY MENT", "TRANSFER", "충전", "MINT\u00a0"]


def money(rng: random.Random, amount: Decimal) -> Value:
    """A valid spelling of an amount: string or JSON number, sometimes padded or with zeros."""
    text = f"{amount:.2f}"
    spelled: list[Value] = [text, Raw(text), Raw(text), f" {text}", f"{text}0", f"+{text}", f"00{text}"]
    negative = amount < 0
    return rng.choice(spelled[:5] if negative else spelled)


def instant(rng: random.Random, at: datetime) -> str:
    """A spelling of an instant: with or without an offset, other offsets, more digits than microseconds."""
    utc = at.astimezone(UTC)
    bare = utc.strftime("%Y-%m-%dT%H:%M:%S.%f")
    choice = rng.randrange(10)
    if choice < 3:
        return f"{bare}Z"
    if choice == 3:
        return bare
    if choice == 4:
        return f"{bare}{rng.randrange(1000):03d}Z"  # the digits beyond microseconds are cut, never rounded
    if choice == 5:
        return f" {bare}Z\t"
    if choice == 6:
        return bare.replace("T", " ")
    if choice == 7 and utc.microsecond == 0:
        return utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    zone = timezone(timedelta(hours=rng.choice([9, -5, 0, 14])) + timedelta(minutes=rng.choice([0, 30])))
    local = utc.astimezone(zone)
    return local.isoformat(timespec="microseconds")


def odd_integer(rng: random.Random, number: int) -> Value:
    """A valid spelling of a bigint."""
    plain = Raw(str(number))
    spelled: list[Value] = [plain, plain, str(number), f"+{number}", f"00{number}", f" {number} "]
    return rng.choice(spelled)
