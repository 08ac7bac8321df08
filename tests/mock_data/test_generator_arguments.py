"""Arguments of the generator that cannot work are refused before anything is written."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from mock_data.generator import generate

START = date(2026, 2, 10)


@pytest.mark.parametrize(
    ("users", "entries", "days", "faults", "message"),
    [
        (1, 10, 1, (), "users >= 2"),
        (2, 0, 1, (), "entries >= 1"),
        (2, 10, 0, (), "days >= 1"),
        (2, 10, 1, ("drfit",), "unknown faults"),
        (2, 50, 1, ("bad_rows",), "at least 99 entries"),
    ],
)
def test_arguments_that_cannot_work_are_refused(
    tmp_path: Path, users: int, entries: int, days: int, faults: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        generate(tmp_path, START, days=days, users=users, entries=entries, seed=1, faults=faults)
    assert list(tmp_path.iterdir()) == []
