"""The day's tag of pipeline B: the most severe standing finding of its inputs (spec section 7). Pure."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.pipelines.day_tag import most_severe_tag
from ledger.silver.dq_status import SEVERITY_ORDER, TAG_ORDER

LEDGER, WALLETS = "bronze.transaction_ledger_raw", "bronze.user_wallets_raw"
STALE, DUP, DROP, CONTRACT = "SOURCE_STALE", "DUP_SUSPECTED", "EVENT_DROP_SUSPECTED", "CONTRACT_VIOLATION"


def row(
    tag: str | None,
    severity: str | None = "WARN",
    window: tuple[int, int] = (0, 24),
    at: int = 0,
    table: str = LEDGER,
) -> dict[str, Any]:
    return {
        "source_table": table,
        "dq_tag": tag,
        "severity": severity if tag else None,
        "window_start_ts": window[0],
        "window_end_ts": window[1],
        "generated_at": at,
    }


CASES: dict[str, tuple[list[dict[str, Any]], str | None]] = {
    "nothing": ([], None),
    "nothing fired": ([row(None), row(None, table=WALLETS)], None),
    "one": ([row(DUP)], DUP),
    "of either input": ([row(None), row(CONTRACT, table=WALLETS)], CONTRACT),
    "critical before warn": ([row(STALE, "WARN"), row(CONTRACT, "CRITICAL", table=WALLETS)], CONTRACT),
    "tie: stale before dup": ([row(DUP), row(STALE, table=WALLETS)], STALE),
    "tie: dup before drop": ([row(DROP, "CRITICAL"), row(DUP, "CRITICAL", table=WALLETS)], DUP),
    "tie: drop before contract": ([row(CONTRACT), row(DROP, table=WALLETS)], DROP),
    "two windows stand side by side": ([row(DUP, window=(0, 12)), row(STALE, window=(12, 24), at=1)], STALE),
    "the same window again replaces": ([row(STALE, "CRITICAL"), row(None, at=1)], None),
    "a covering window replaces": ([row(STALE, "CRITICAL", (0, 1)), row(DUP, at=1)], DUP),
    "a covering window replaces several": (
        [row(STALE, "CRITICAL", (0, 1)), row(DROP, "CRITICAL", (1, 2), 1), row(None, at=2)],
        None,
    ),
    "an overlapping window does not": ([row(STALE, window=(0, 2)), row(DUP, window=(1, 24), at=1)], STALE),
    "an inner window does not": ([row(STALE), row(None, window=(1, 2), at=1)], STALE),
    "an earlier covering one does not": ([row(None, at=0), row(STALE, window=(1, 2), at=1)], STALE),
    "another table's does not": ([row(STALE), row(None, at=1, table=WALLETS)], STALE),
    "replaced twice": ([row(STALE), row(None, at=1), row(CONTRACT, at=2)], CONTRACT),
}


@pytest.mark.parametrize("case", CASES)
def test_most_severe_tag(case: str) -> None:
    """INV-25: in whatever order the rows are read."""
    evaluations, expected = CASES[case]
    for order in permutations(evaluations):
        assert most_severe_tag(list(order)) == expected


ROWS = st.lists(
    st.builds(
        row,
        tag=st.sampled_from([None, *TAG_ORDER]),
        severity=st.sampled_from(SEVERITY_ORDER),
        window=st.tuples(st.integers(0, 3), st.integers(4, 6)),
        table=st.sampled_from([LEDGER, WALLETS]),
    ),
    max_size=6,
)


@given(ROWS, st.randoms(use_true_random=False))
def test_no_standing_finding_is_more_severe(rows: list[dict[str, Any]], random: Any) -> None:
    """INV-25: the tag stands, nothing standing outranks it, and the order of reading is irrelevant."""
    evaluations = [{**r, "generated_at": i} for i, r in enumerate(rows)]

    def replaced(e: dict[str, Any]) -> bool:
        return any(
            o["generated_at"] > e["generated_at"]
            and o["source_table"] == e["source_table"]
            and o["window_start_ts"] <= e["window_start_ts"]
            and o["window_end_ts"] >= e["window_end_ts"]
            for o in evaluations
        )

    standing = [e for e in evaluations if not replaced(e) and e["dq_tag"]]
    ranks = {(SEVERITY_ORDER.index(e["severity"]), TAG_ORDER.index(e["dq_tag"])) for e in standing}
    expected = TAG_ORDER[min(ranks)[1]] if ranks else None
    random.shuffle(evaluations)
    assert most_severe_tag(evaluations) == expected
