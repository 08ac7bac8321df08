"""Both engines, each started once for all tests here; the JVM one makes a JDK a condition, under CI a demand."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.jvm import FAST_SETTINGS, require_java
from tests.parity.engines import ENGINE_VARIABLE, Engine, engine


@pytest.fixture(scope="session")
def sail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The embedded engine."""
    made = engine({ENGINE_VARIABLE: "sail"}, tmp_path_factory.mktemp("sail") / "log")
    yield made
    made.close()


@pytest.fixture(scope="session")
def jvm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Spark on a local JVM."""
    require_java(os.environ)
    made = engine(FAST_SETTINGS, tmp_path_factory.mktemp("spark") / "log")
    yield made
    made.close()
