"""Tests that need a JVM: skipped without a JDK, but under CI a missing JDK is a failure."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from resources.spark_jvm import OLDEST_JAVA, java_version


def require_java(environ: Mapping[str, str]) -> None:
    """Skip, or under ``CI=true`` fail, unless a JDK is there that the engine accepts."""
    found = java_version(environ)
    if found is not None and found >= OLDEST_JAVA:
        return
    problem = f"needs a JDK {OLDEST_JAVA} or newer, found {found or 'none'}"
    if environ.get("CI", "").lower() == "true":
        pytest.fail(problem)
    pytest.skip(problem)
