"""Spark engines: one code, three places. A process has one session, started on first use (ARCHITECTURE, Engines)."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from pyspark.sql import SparkSession

from configs.settings import SparkSettings
from ledger.errors import SettingsError
from resources.spark_jvm import CALL_SITES, jvm_conf

if TYPE_CHECKING:
    from dagster_pyspark import LazyPySparkResource

_LOCK = threading.Lock()
_SESSION_CONF = {"spark.sql.session.timeZone": "UTC", "spark.sql.ansi.enabled": "true"}


def spark_session(settings: SparkSettings) -> SparkSession:
    """The process's session on the configured engine; rows read back carry UTC times."""
    # The client logs every server error as JSON with its stack before raising it; whoever catches it reports it.
    logging.getLogger("pyspark.sql.connect.logging").setLevel(logging.CRITICAL)
    with _LOCK:
        os.environ["TZ"] = "UTC"
        time.tzset()
        conf = tuple(sorted(settings.conf.items()))
        spark: SparkSession
        if settings.engine == "databricks":
            spark = _cluster_session(conf)
        else:
            spark = _resource(settings.engine, settings.master, conf, settings.memory_mb).spark_session
        if settings.engine == "sail":
            # The engine ends with this process, an interrupt ends it even before: there is nothing to clean up, and
            # asking a server that is gone keeps a cancelled run's process for ten minutes.
            client: Any = spark.client  # only a Connect session has one
            atexit.unregister(client._on_exit)
            client.disable_reattachable_execute()  # nothing can break between a process and itself
            spark.conf.set(CALL_SITES, "false")
        for key, value in _SESSION_CONF.items():
            spark.conf.set(key, value)
        return spark


def _cluster_session(conf: tuple[tuple[str, str], ...]) -> SparkSession:
    """The cluster's own session. dagster-pyspark is not installed there: it would bring another pyspark along."""
    builder: Any = SparkSession.builder
    for key, value in conf:
        builder = builder.config(key, value)
    session: SparkSession = builder.getOrCreate()
    return session


@cache
def _resource(
    engine: str, master: str, conf: tuple[tuple[str, str], ...], memory_mb: int
) -> LazyPySparkResource:
    from dagster_pyspark import LazyPySparkResource

    if engine == "sail":
        return LazyPySparkResource(spark_config={"spark.remote": f"sc://localhost:{_start_sail(memory_mb)}"})
    if engine == "spark":
        return LazyPySparkResource(spark_config=jvm_conf(master, memory_mb, dict(conf)))
    raise SettingsError(f"spark.engine {engine!r} is unknown")


_SERVERS: list[Any] = []  # the embedded server stops when its handle is collected


def _start_sail(memory_mb: int) -> int:
    """Start the embedded engine in this process; the port it listens on (loopback only)."""
    os.environ.setdefault("RUST_LOG", "error")
    os.environ.setdefault("SAIL_RUNTIME__MEMORY_POOL__TYPE", "fair")
    os.environ.setdefault("SAIL_RUNTIME__MEMORY_POOL__FAIR__MAX_SIZE", str(memory_mb * 1024 * 1024))
    from pysail.spark import SparkConnectServer  # local only: a cluster does not have it

    server = SparkConnectServer()
    server.start()
    _SERVERS.append(server)
    return int(server.listening_address[1])
