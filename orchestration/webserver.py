"""Dagster's web server behind :mod:`orchestration.web_guard`: ``python -m orchestration.webserver [--read-only]``.

For operators and viewers alike (docs/deployment.md). Dagster's own ``dagster-webserver`` takes whatever it is sent.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import uvicorn
from dagster import DagsterInstance
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__

from configs.settings import ROOT, load_settings
from ledger.errors import SettingsError
from ledger.shown import shown
from orchestration.web_guard import WebGuard, own_sites
from resources.dagster_internals import (
    EmptyWorkspaceTarget,
    WorkspaceFileTarget,
    WorkspaceProcessContext,
    setup_interrupt_handlers,
)
from resources.shared_host import keep_files_private

_STATEMENT_TIMEOUT_MS, _RECYCLE_SEC, _MAX_OVERFLOW = 15_000, 3_600, 20  # as `dagster-webserver` has them
_GRACE_SEC = 5
_POLL_MS = 2_000


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until told to end; exit 2 for a setting that is wrong."""
    arguments = _parser().parse_args(argv)
    keep_files_private()
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s", level=logging.WARNING)
    setup_interrupt_handlers()
    try:
        sites = own_sites(arguments.port, load_settings().web.public_url)
        if not os.environ.get("DAGSTER_HOME"):
            raise SettingsError("DAGSTER_HOME is not set", action="set it to the instance's folder")
    except SettingsError as error:
        print(shown(error), file=sys.stderr)
        return 2
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(_STATEMENT_TIMEOUT_MS, _RECYCLE_SEC, _MAX_OVERFLOW)
        files = [str(path) for path in arguments.workspace]
        with WorkspaceProcessContext(
            instance,
            WorkspaceFileTarget(files) if files else EmptyWorkspaceTarget(),
            version=__version__,
            read_only=arguments.read_only,
        ) as context:
            app = create_app_from_workspace_process_context(context, "", _POLL_MS, lifespan=_lifespan)
            uvicorn.run(
                WebGuard(app, sites),
                host=arguments.host,
                port=arguments.port,
                log_level="warning",
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_SEC,
            )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m orchestration.webserver", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=3000, help="port to listen on (%(default)s)")
    parser.add_argument("--read-only", action="store_true", help="refuse every mutation: for viewers")
    parser.add_argument(
        "--workspace",
        type=Path,
        nargs="*",
        default=[ROOT / "workspace.yaml"],
        help="workspace files (%(default)s)",
    )
    return parser


@contextlib.asynccontextmanager
async def _lifespan(_: object) -> AsyncIterator[None]:
    with contextlib.suppress(asyncio.CancelledError):  # Ctrl-C
        yield


if __name__ == "__main__":
    sys.exit(main())
