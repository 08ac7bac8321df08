"""Spark engines: one code, three places. A process has one session, started on first use."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from pyspark.sql import SparkSession

from configs.settings import SparkSettings
from ledger.errors import EngineLostError, LedgerError, SettingsError
from resources.salt import secrets_hidden
from resources.spark_jvm import CALL_SITES, interrupt_jvm, jvm_conf

if TYPE_CHECKING:
    from resources.engine import EmbeddedEngine

_LOCK = threading.Lock()
_CONNECT_SEC = 30
_NOTICE_SEC = 1
_SESSION_CONF = {"spark.sql.session.timeZone": "UTC", "spark.sql.ansi.enabled": "true"}
_ENGINES: list[EmbeddedEngine] = []
_JVM_SESSIONS: list[SparkSession] = []


def spark_session(settings: SparkSettings) -> SparkSession:
    """The process's session on the configured engine; rows read back carry UTC times.

    An embedded engine that ended meanwhile (:func:`stop_work`, a crash) is started again under the same session.
    """
    # The client logs every server error as JSON with its stack before raising it; whoever catches it reports it.
    logging.getLogger("pyspark.sql.connect.logging").setLevel(logging.CRITICAL)
    with _LOCK:
        os.environ["TZ"] = "UTC"
        time.tzset()
        conf = tuple(sorted(settings.conf.items()))
        if settings.engine == "databricks":
            spark = _cluster_session(conf)
        elif settings.engine == "spark":
            spark = _jvm_session(settings.master, conf, settings.memory_mb)
        elif settings.engine == "sail":
            spark = _embedded_session(embedded_engine(settings.memory_mb, settings.allow_shared_host))
        else:
            raise SettingsError(f"spark.engine {settings.engine!r} is unknown")
        for key, value in _SESSION_CONF.items():
            spark.conf.set(key, value)
        return spark


def begin(settings: SparkSettings) -> None:
    """Let the embedded engine start while this process does something else; the session waits for it, or says why not."""
    if settings.engine == "sail":
        with suppress(LedgerError, OSError):  # the session tries again, and says it where a run can record it
            embedded_engine(settings.memory_mb, settings.allow_shared_host).launch()


def stop_work() -> None:
    """End whatever the engine does for this process, so that every thread that waits for it gives up.

    What is not committed by now never will be. The next :func:`spark_session` finds the engine ready again.
    """
    for engine in _ENGINES:
        engine.kill()
    for spark in _JVM_SESSIONS:
        interrupt_jvm(spark)


def lost_engine(error: Exception | None = None) -> EngineLostError | None:
    """Why a request could not be answered, when the embedded engine is gone."""
    until = time.monotonic() + (_NOTICE_SEC if "UNAVAILABLE" in str(error) else 0)
    while True:  # its connections end a moment before it does
        if lost := next((lost for engine in _ENGINES if (lost := engine.lost())), None):
            return lost
        if time.monotonic() >= until:
            return None
        time.sleep(0.02)


@cache
def embedded_engine(memory_mb: int, allow_shared_host: bool) -> EmbeddedEngine:
    """The engine of this process, not started."""
    from resources.engine import EmbeddedEngine  # local only: a cluster has neither it nor its client

    engine = EmbeddedEngine(memory_mb=memory_mb, allow_shared_host=allow_shared_host)
    _ENGINES.append(engine)
    return engine


def _embedded_session(engine: EmbeddedEngine) -> SparkSession:
    was_ready = engine.is_ready
    engine.start()
    spark = _session_at(engine.address)
    client: Any = spark.client  # only a Connect session has one
    if not was_ready:
        client._server_session_id = None  # or the client would take the new engine for a lost session
        import grpc

        try:
            grpc.channel_ready_future(client._channel).result(_CONNECT_SEC)  # it pauses between attempts
        except grpc.FutureTimeoutError:
            engine.kill()
            raise EngineLostError(
                f"the embedded engine does not answer within {_CONNECT_SEC} s",
                action="see that memory, processes and descriptors are left, then run the same command again",
            ) from None
    spark.conf.set(CALL_SITES, "false")
    return spark


@cache
def _session_at(address: str) -> SparkSession:
    """A session on the embedded engine. Without retries: between a process and its child nothing passes by itself."""
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    from resources.engine import EngineChannel

    os.environ["SPARK_CONNECT_MODE_ENABLED"] = (
        "1"  # as pyspark's own builder does; functions then build plans
    )
    made: Any = ConnectSession.builder.channelBuilder(EngineChannel(address)).create()  # type: ignore[arg-type]
    client = made.client
    client.set_retry_policies([])
    # The engine ends with this process: there is nothing to clean up, and nobody to ask.
    atexit.unregister(client._on_exit)
    client.disable_reattachable_execute()  # nothing can break between a process and its child
    session: SparkSession = made
    return session


@cache
def _jvm_session(master: str, conf: tuple[tuple[str, str], ...], memory_mb: int) -> SparkSession:
    from dagster_pyspark import LazyPySparkResource

    with secrets_hidden():
        spark: SparkSession = LazyPySparkResource(
            spark_config=jvm_conf(master, memory_mb, dict(conf))
        ).spark_session
    _JVM_SESSIONS.append(spark)
    return spark


def _cluster_session(conf: tuple[tuple[str, str], ...]) -> SparkSession:
    """The cluster's own session. dagster-pyspark is not installed there: it would bring another pyspark along."""
    builder: Any = SparkSession.builder
    for key, value in conf:
        builder = builder.config(key, value)
    session: SparkSession = builder.getOrCreate()
    return session
