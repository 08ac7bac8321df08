"""The driver's side of a ``spark_python_task``: the process in which a submitted file runs as on a cluster.

Started with a clean environment; everything it has to know comes on standard input. Opening a file of the checkout
fails, or it would import the host's code and the staged zip would go untested.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import runpy
import sys
from typing import Any


def main() -> None:
    spec = json.load(sys.stdin)
    sys.path[:] = [
        p for p in sys.path if not _is_below(p, spec["forbidden"]) or _is_below(p, *spec["allowed"])
    ]
    sys.addaudithook(_guard(spec["forbidden"], spec["allowed"]))
    _pretend(spec["installed"])
    names: dict[str, Any] = {"dbutils": _DbUtils(spec["secrets"]), "sc": None, "spark": None}
    if spec["spark"] is not None:
        names["spark"] = _attached() if "PYSPARK_GATEWAY_PORT" in os.environ else _started(spec["spark"])
        names["sc"] = names["spark"].sparkContext
    sys.argv = [spec["python_file"], *spec["parameters"]]
    runpy.run_path(spec["python_file"], init_globals=names, run_name="__main__")


def _guard(forbidden: str, allowed: list[str]) -> Any:
    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str):
            path = arguments[0]
            if _is_below(path, forbidden) and not _is_below(path, *allowed):
                raise PermissionError(f"the cluster has no {path}")

    return hook


def _pretend(installed: dict[str, str]) -> None:
    """Other library versions than the host's, as far as package metadata tells."""
    real = importlib.metadata.version
    importlib.metadata.version = lambda distribution_name: (
        installed.get(distribution_name) or real(distribution_name)
    )


def _is_below(path: str, *folders: str) -> bool:
    full = os.path.abspath(path)
    return any(full == folder or full.startswith(folder + os.sep) for folder in folders)


class _DbUtils:
    """``dbutils.secrets.get`` and nothing else."""

    def __init__(self, secrets: dict[str, str]) -> None:
        self._secrets = secrets
        self.secrets = self

    def get(self, scope: str, key: str) -> str:
        try:
            return self._secrets[f"{scope}/{key}"]
        except KeyError:
            raise ValueError(f"Secret does not exist with scope: {scope} and key: {key}") from None


def _started(conf: dict[str, str]) -> Any:
    """A job cluster: a JVM of this run alone."""
    from pyspark.sql import SparkSession

    builder: Any = SparkSession.builder
    for key, value in conf.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def _attached() -> Any:
    """An existing cluster: its JVM serves one run after the other, each with a session of its own."""
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    connect: Any = launch_gateway
    gateway = connect()
    jvm: Any = gateway.jvm
    context = jvm.org.apache.spark.SparkContext.getOrCreate()
    jsc = jvm.org.apache.spark.api.java.JavaSparkContext.fromSparkContext(context)
    sc = SparkContext(gateway=gateway, jsc=jsc, conf=SparkConf(_jconf=jsc.getConf()))
    return SparkSession(
        sc, jvm.org.apache.spark.sql.classic.SparkSession.getDefaultSession().get().newSession()
    )


if __name__ == "__main__":
    main()
