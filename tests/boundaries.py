"""The write boundaries of a run: before and after every commit to a Delta table.

The product has no hook for tests. Every commit, a creation and a new column among them, goes through
``commits.retry_conflicts``, which is wrapped here, in the process that runs the command.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ledger.delta import commits


@contextlib.contextmanager
def boundaries(reached: Callable[[str], None]) -> Iterator[None]:
    """Call ``reached`` with ``before <table>`` and ``after <table>`` around every commit."""
    commit = commits.retry_conflicts

    def observed(write: Callable[[], Any], table: str, **options: Any) -> Any:
        reached(f"before {table}")
        result = commit(write, table, **options)
        reached(f"after {table}")
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commits, "retry_conflicts", observed)
        yield


@contextlib.contextmanager
def recorded_boundaries() -> Iterator[list[str]]:
    """The boundaries that the block passes, in order."""
    passed: list[str] = []
    with boundaries(passed.append):
        yield passed
