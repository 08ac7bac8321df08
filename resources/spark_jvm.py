"""The JVM engine's start: Delta's jar, and settings for small local runs. ``spark.conf`` of the settings wins."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.errors import SettingsError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OLDEST_JAVA = 17
_INTERRUPT_SEC = 3
_DELTA = "io.delta:delta-spark_2.13:4.4.0"
# Groups that pyspark ships already, newer: a second copy on the class path is a download and a risk.
_SHIPPED_WITH_SPARK = (
    "com.fasterxml.jackson.core",
    "com.github.luben",
    "com.google.code.findbugs",
    "commons-logging",
    "commons-pool",
    "io.airlift",
    "org.apache.hadoop",
    "org.apache.logging.log4j",
    "org.apache.parquet",
    "org.locationtech.jts",
    "org.roaringbitmap",
    "org.slf4j",
    "org.xerial.snappy",
)
# Every call on a column or a frame walks the stack, for the line that an error message could name.
CALL_SITES = "spark.python.sql.dataFrameDebugging.enabled"
_CONF = {
    CALL_SITES: "false",
    "spark.jars.packages": _DELTA,
    "spark.jars.excludes": ",".join(f"{group}:*" for group in _SHIPPED_WITH_SPARK),
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    # A day's tables are small: every partition more is a task more.
    "spark.sql.shuffle.partitions": "4",
    "spark.databricks.delta.snapshotPartitions": "2",
    # Spark's own default, INT96, knows no time zone: the embedded engine would not read what this one wrote.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}


def jvm_conf(master: str, memory_mb: int, conf: Mapping[str, str]) -> dict[str, str]:
    """Everything that the session is started with; raises :class:`SettingsError` without a usable Java."""
    found = java_version()
    if found is None or found < OLDEST_JAVA:
        raise SettingsError(
            f"spark.engine spark needs a Java {OLDEST_JAVA} or newer, found {found or 'none'}",
            action="install a JDK and set JAVA_HOME, or use spark.engine sail",
        )
    return {"spark.master": master, "spark.driver.memory": f"{memory_mb}m", **_CONF, **conf}


def java_version(environ: Mapping[str, str] | None = None) -> int | None:
    """The major version of the Java that Spark would start, None without one."""
    environ = os.environ if environ is None else environ
    home = environ.get("JAVA_HOME", "").strip()
    program = str(Path(home) / "bin" / "java") if home else shutil.which("java", path=environ.get("PATH"))
    if program is None:
        return None
    try:
        printed = subprocess.run([program, "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError):
        return None
    number = re.search(r'version "(?:1\.)?(\d+)', printed)
    return int(number.group(1)) if number else None


def interrupt_jvm(spark: SparkSession) -> None:
    """Cancel what the JVM computes for this process; a JVM that is gone, or does not answer, has nothing to cancel."""

    def ask() -> None:
        with suppress(Exception):
            spark.interruptAll()
            spark.sparkContext.cancelAllJobs()

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_INTERRUPT_SEC)
