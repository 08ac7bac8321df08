"""Strategies for landing records as hostile sources write them. A record's number tells it apart from every other."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.property.reference import SIGNS, STATUSES


class Number(float):
    """A JSON number with its notation; compares as nothing in particular, prints as it was written."""

    def __new__(cls, notation: str) -> Number:
        made = super().__new__(cls, 0.0)
        made.notation = notation
        return made

    notation: str

    def __repr__(self) -> str:
        return self.notation

    __str__ = __repr__


BLANKS = st.sampled_from(["", " ", "\t\r\n", " \v\f "])
WILD = st.text(max_size=8) | st.sampled_from(
    ["'", '"', "\\", "a\u0000b", "\u00a0", "지갑", "\u2028", "NULL", "${x}", "{", "🜁"]
)
PAD = st.sampled_from(["", "", "", " ", "\t", " \n"])
PLAIN_MONEY = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "", "+", "-"]),
    st.sampled_from(["", "", "0", "000000000000000000000000"]),
    st.integers(0, 10**16 - 1).map(str) | st.integers(1, 10**6).map(str),
    st.sampled_from(["", ".5", ".05", ".99", ".500", ".1000000000000000000000000"]),
)
ODD_MONEY = st.sampled_from(
    [
        *(
            "9999999999999999.99",
            "9999999999999999.995",
            "10000000000000000",
            "1.005",
            "1.",
            ".5",
            "1e3",
            "1E-2",
        ),
        *("NaN", "Infinity", "1,000", "--1", "0x1F", "１２", "0", "-0.00", "0.001", "-1"),
    ]
)
NUMBERS = st.sampled_from(
    ["12", "12.5", "1.500", "-0", "0", "1e3", "1.005", "9999999999999999.99", "12345678901234567"]
)
AMOUNTS = st.one_of(
    st.builds("{}{}".format, PLAIN_MONEY, PAD),
    PLAIN_MONEY,
    ODD_MONEY,
    NUMBERS.map(Number),
    BLANKS,
    st.none(),
    st.booleans(),
    WILD,
)
TIMES = st.one_of(
    st.datetimes().filter(lambda t: 1900 < t.year < 2100).map(lambda t: t.isoformat() + "Z"),
    st.sampled_from(
        [
            *(
                "2026-02-10T01:00:00Z",
                "2026-02-10 10:00:00+09:00",
                "2026-02-10T01:00",
                "2026-02-10T10:00+0900",
            ),
            *(
                "2026-02-10T01:00:00.123456789Z",
                "2026-02-30T00:00:00Z",
                "2026-02-10T25:00:00Z",
                "soon",
                "1770685200",
            ),
        ]
    ),
    BLANKS,
    st.none(),
)


def some(*usual: str) -> SearchStrategy[Any]:
    """Mostly a usual value, sometimes padded, blank, missing or wild."""
    value = st.sampled_from(usual)
    return st.one_of(
        value, value, value, value, st.builds("{}{}{}".format, PAD, value, PAD), BLANKS, st.none(), WILD
    )


# A few keys come back, so that rows collapse, contradict each other, or are the latest of several.
KEYS = (
    st.integers(0, 10**9).map("k{}".format) | st.sampled_from(["k-1", "k-2", " k-2 ", "k-3"]) | BLANKS | WILD
)
LEDGER = st.fixed_dictionaries(
    {
        "tx_id": KEYS,
        "wallet_id": some("w1", "w2"),
        "type": some(*SIGNS),
        "amount": AMOUNTS,
        "created_at": TIMES,
    },
    optional={"related_id": some("po-none"), "source_extracted_at": TIMES},
)
WALLETS = st.fixed_dictionaries(
    {"user_id": KEYS, "balance": AMOUNTS, "frozen_amount": AMOUNTS}, optional={"updated_at": TIMES}
)
PAYMENTS = st.fixed_dictionaries(
    {"order_id": KEYS, "amount": AMOUNTS, "status": some(*STATUSES), "created_at": TIMES},
    optional={"user_id": some("u1"), "merchant_name": WILD},
)
# Whole lines that are no record. Each gets the record's number, so that it can be found again.
BROKEN_LINES = st.sampled_from(
    ['{"tx_id": "x", #', "[#]", "#", '"#"', '{"a": 1, "a": "#"}', '{"a": "#"} trailing', "null #"]
)


def line(number: int, record: dict[str, Any] | str, *, ascii_only: bool) -> str:
    """A landing line: the record with its number as an unknown field, or a broken line that mentions it."""
    if isinstance(record, str):
        return record.replace("#", f"~{number}~")
    return json.dumps({**record, "n": f"~{number}~"}, ensure_ascii=ascii_only)
