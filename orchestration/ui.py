"""``make ui``: one code server, the guarded web server and the daemon, until Ctrl-C: ``python -m orchestration.ui``."""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml
from dagster import DagsterInstance

from configs.settings import ROOT
from orchestration import instance
from resources.dagster_internals import ProxyServerManager, WorkspaceFileTarget
from resources.interrupts import interruptible

_PATIENCE_SEC = 20
_LOOK_SEC = 0.5
logger = logging.getLogger("ledger.ui")


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to end (exit 0), or until one of the two servers ends by itself (exit 1)."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.ui", description=__doc__)
    parser.add_argument("--port", type=int, default=3000, help="port of the UI on 127.0.0.1 (%(default)s)")
    port = parser.parse_args(argv).port
    if refused := instance.main():
        return refused
    try:
        with interruptible(), _workspace() as workspace, contextlib.ExitStack() as stack:
            web = ["orchestration.webserver", "--port", str(port), "--workspace", str(workspace)]
            daemon = ["dagster._daemon", "run", "--workspace", str(workspace)]
            servers = [stack.enter_context(_server(command)) for command in (web, daemon)]
            print(f"Dagster UI on http://127.0.0.1:{port} (stop with Ctrl-C)", flush=True)
            while all(server.poll() is None for server in servers):
                time.sleep(_LOOK_SEC)
            print("the web server or the daemon has ended by itself; its last lines say why", file=sys.stderr)
            return 1
    except KeyboardInterrupt:
        return 0


@contextlib.contextmanager
def _workspace() -> Iterator[Path]:
    """A workspace file that names one code server, so that web server and daemon do not load the code twice."""
    target = WorkspaceFileTarget([str(ROOT / "workspace.yaml")])
    with (
        DagsterInstance.get() as made,
        ProxyServerManager(made, target, code_server_log_level="WARNING") as servers,
        tempfile.TemporaryDirectory(prefix="ledger-ui-") as folder,
    ):
        file = Path(folder) / "workspace.yaml"
        file.write_text(
            yaml.safe_dump({"load_from": [dict(spec) for spec in servers.get_code_server_specs()]})
        )
        yield file


@contextlib.contextmanager
def _server(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own session: Ctrl-C reaches this one alone, which ends the others in order, once."""
    process = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, start_new_session=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_PATIENCE_SEC)
        except subprocess.TimeoutExpired:
            logger.warning("%s did not end within %d s and is killed", command[0], _PATIENCE_SEC)
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
