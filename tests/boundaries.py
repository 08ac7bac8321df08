"""The write boundaries of a run: before and after every commit to a Delta table.

The product has no hook for tests. Every commit goes through ``retry_conflicts`` as :mod:`ledger.delta.lakehouse` and
:mod:`ledger.delta.values` name it, or creates a table; all are wrapped here, in the process that runs the command.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ledger.contract import Table
from ledger.delta import commits, lakehouse, values


@contextlib.contextmanager
def boundaries(reached: Callable[[str], None]) -> Iterator[None]:
    """Call ``reached`` with ``before <table>`` and ``after <table>`` around every commit."""
    commit, create = commits.retry_conflicts, lakehouse.Lakehouse.create

    def observed_commit(write: Callable[[], Any], table: str, **options: Any) -> Any:
        reached(f"before {table}")
        result = commit(write, table, **options)
        reached(f"after {table}")
        return result

    def observed_create(self: lakehouse.Lakehouse, table: Table) -> bool:
        if self.exists(table):
            return create(self, table)
        reached(f"before creating {table.full_name}")
        created = create(self, table)
        reached(f"after creating {table.full_name}")
        return created

    with pytest.MonkeyPatch.context() as patch:
        for module in (lakehouse, values):
            patch.setattr(module, "retry_conflicts", observed_commit)
        patch.setattr(lakehouse.Lakehouse, "create", observed_create)
        yield


@contextlib.contextmanager
def recorded_boundaries() -> Iterator[list[str]]:
    """The boundaries that the block passes, in order."""
    passed: list[str] = []
    with boundaries(passed.append):
        yield passed
