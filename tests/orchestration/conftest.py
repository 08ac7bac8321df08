"""A Dagster instance of one test alone, with the project's storage."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestration.launch import dagster_instance
from tests.orchestration.records import Records
from tests.support import Home


@pytest.fixture
def records(home: Home) -> Iterator[Records]:
    """An instance made from the project's dagster.yaml, with no runs in it."""
    with dagster_instance() as instance:
        yield Records(instance)
