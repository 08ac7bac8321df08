"""Tests that need a JVM: skipped without a JDK, but under CI a missing JDK is a failure."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from configs.settings import SETTING_PREFIX
from resources.spark_jvm import OLDEST_JAVA, java_version

# The suite asks thousands of queries of a few rows each: starting one is all the work, so nothing may be generated,
# split or planned twice for speed that no test is there to see. The queries' meaning stays as it is.
FAST_CONF = {
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:NewRatio=1 -XX:ReservedCodeCacheSize=512m",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.databricks.delta.snapshotPartitions": "1",
}
FAST_SETTINGS = {
    f"{SETTING_PREFIX}SPARK__ENGINE": "spark",
    f"{SETTING_PREFIX}SPARK__CONF": json.dumps(FAST_CONF),
}


def require_java(environ: Mapping[str, str]) -> None:
    """Skip, or under ``CI=true`` fail, unless a JDK is there that the engine accepts."""
    found = java_version(environ)
    if found is not None and found >= OLDEST_JAVA:
        return
    problem = f"needs a JDK {OLDEST_JAVA} or newer, found {found or 'none'}"
    if environ.get("CI", "").lower() == "true":
        pytest.fail(problem)
    pytest.skip(problem)
