"""Strategies for landing records as hostile sources write them. A record's number tells it apart from every other."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.property.reference import SIGNS, STATUSES


@dataclass(frozen=True)
class Number:
    """A JSON number in the notation of its source."""

    notation: str

    def __str__(self) -> str:
        return self.notation


BLANKS = ["", " ", "\t\r\n", " \v\f "]
ODD_WORDS = ["'", '"', "\\", "a\u0000b", "\u00a0", "지갑", "\u2028", "NULL", "${x}", "{", "🜁"]
ODD_AMOUNTS: list[Any] = [
    *("9999999999999999.99", "9999999999999999.995", "10000000000000000", "1.005", "1.", ".5", "1e3", "1E-2"),
    *(
        "NaN",
        "Infinity",
        "1,000",
        "--1",
        "0x1F",
        "１２",
        "0",
        "-0.00",
        "0.001",
        "-1",
        " 7\t",
        "007.1",
        "+1.5",
    ),
    *("0" * 30 + "5", "5." + "0" * 30, "1" * 16 + ".10", None, True, *BLANKS),
    *map(
        Number, ("12", "12.5", "1.500", "-0", "0", "1e3", "1.005", "9999999999999999.99", "12345678901234567")
    ),
]
ODD_TIMES = [
    *("2026-02-10T01:00:00Z", "2026-02-10 10:00:00+09:00", "2026-02-10T01:00", "2026-02-10T10:00+0900"),
    *("2026-02-10T01:00:00.123456789Z", "2026-02-30T00:00:00Z", "2026-02-10T25:00:00Z", "soon", "1770685200"),
    *("9999-12-31T23:59:59Z", "9999-12-31T14:59:59Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    *(None, *BLANKS),
]
AMOUNTS = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["", "+", "-"]),
    st.sampled_from(["", "0", "0" * 24]),
    st.integers(0, 10**17).map(str),
    st.sampled_from(["", ".5", ".05", ".99", ".500", ".1" + "0" * 24, ".123"]),
    st.sampled_from(["", " ", "\n"]),
)
TIMES = st.datetimes(datetime(1901, 1, 1), datetime(2099, 1, 1)).map(lambda t: t.isoformat() + "Z")


# A few keys come back, so that rows collapse, contradict each other, or are the latest of several.
KEYS = ["k-1", "k-2", " k-2 ", "k-3", *BLANKS]


@dataclass(frozen=True)
class Pools:
    """Values that hypothesis drew; ``random`` combines them, so that a few draws make many rows."""

    amounts: list[Any]
    times: list[Any]
    keys: list[str]
    wild: list[str]
    random: Random

    def ledger(self, number: int) -> dict[str, Any]:
        row = {
            "tx_id": self._key(number),
            "wallet_id": self._some("w1", "w2"),
            "type": self._some(*SIGNS),
            "amount": self._amount(),
            "created_at": self._time(),
        }
        optional = {
            "related_id": self.random.choice(["po-none", " po-none\t", "", None]),
            "source_extracted_at": self.random.choice(self.times),
        }
        return row | {name: value for name, value in optional.items() if self.random.random() < 0.3}

    def wallet(self, number: int) -> dict[str, Any]:
        return {
            "user_id": self._key(number),
            "balance": self._amount(),
            "frozen_amount": self._amount(),
            "updated_at": self._time(),
        }

    def payment(self, number: int) -> dict[str, Any]:
        return {
            "order_id": self._key(number),
            "amount": self._amount(),
            "status": self._some(*STATUSES),
            "created_at": self._time(),
            "user_id": self._some("u1"),
            "merchant_name": self.random.choice(self.wild),
        }

    def broken(self) -> str:
        """A line that is no record."""
        return self.random.choice(BROKEN_LINES)

    def _key(self, number: int) -> str:
        return f"k{number}" if self.random.random() < 0.7 else self.random.choice(self.keys)

    def _amount(self) -> Any:
        return "12.30" if self.random.random() < 0.3 else self.random.choice(self.amounts)

    def _time(self) -> Any:
        return "2026-02-10T01:00:00Z" if self.random.random() < 0.5 else self.random.choice(self.times)

    def _some(self, *usual: str) -> str | None:
        """Mostly a usual value, sometimes padded, blank, missing or wild."""
        value, dice = self.random.choice(usual), self.random.random()
        if dice < 0.85:
            return value
        return self.random.choice([f" {value}\t", value.lower(), "", " \n", None, *self.wild])


def pools() -> SearchStrategy[Pools]:
    """Hostile values of every kind."""
    return st.builds(
        Pools,
        amounts=st.lists(AMOUNTS | st.text(max_size=6), min_size=10, max_size=20).map(
            lambda v: v + ODD_AMOUNTS
        ),
        times=st.lists(TIMES, min_size=5, max_size=9).map(lambda v: v + ODD_TIMES),
        keys=st.lists(st.text(max_size=5), max_size=5).map(lambda v: v + KEYS),
        wild=st.lists(st.text(max_size=8), max_size=5).map(lambda v: v + ODD_WORDS),
        random=st.integers(0, 2**32).map(Random),
    )


# Whole lines that are no record. Each gets the record's number, so that it can be found again.
BROKEN_LINES = ('{"tx_id": "x", #', "[#]", "#", '"#"', '{"a": 1, "a": "#"}', '{"a": "#"} trailing', "null #")


def line(number: int, record: dict[str, Any] | str, *, ascii_only: bool) -> str:
    """A landing line: the record with its number as an unknown field, or a broken line that mentions it."""
    if isinstance(record, str):
        return record.replace("#", f"~{number}~")
    fields = {**record, "n": f"~{number}~"}
    texts = {
        name: str(value) if isinstance(value, Number) else json.dumps(value, ensure_ascii=ascii_only)
        for name, value in fields.items()
    }
    return "{" + ", ".join(f'"{name}": {value}' for name, value in texts.items()) + "}"
