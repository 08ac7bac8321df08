"""The JVM of an existing cluster, shared by the runs that name it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.databricks_emulator.runs import PASSED_ON


@contextlib.contextmanager
def shared_cluster(conf: Mapping[str, str], folder: Path) -> Iterator[dict[str, str]]:
    """A running cluster: the variables by which a run's process finds its gateway. Its log is ``folder/driver.log``."""
    folder.mkdir(parents=True)
    with (folder / "driver.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("shared_cluster.py")), json.dumps(dict(conf))],
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, (folder / "driver.log").read_text(errors="replace")[-3000:]
            found = json.loads(line)
            yield {
                "PYSPARK_GATEWAY_PORT": str(found["port"]),
                "PYSPARK_GATEWAY_SECRET": found["secret"],
            }
        finally:
            process.stdin.close()
            process.wait(timeout=60)
