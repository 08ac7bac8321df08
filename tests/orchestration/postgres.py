"""A real PostgreSQL server of Debian's package, for one test: its own data, its own port, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.orchestration.served import free_port

_PASSWORD = "dagster-test"
_USER = "dagster"


def binaries() -> Path:
    """The folder of ``initdb`` and ``pg_ctl``; installs Debian's package when root and it is missing.

    Without it the test is skipped with the reason; where ``CI`` is ``true`` it fails.
    """
    found = _find()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for step in (["update"], ["install", "--yes", "--no-install-recommends", "postgresql"]):
            subprocess.run(
                ["apt-get", "--quiet", *step],
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                check=False,
            )
        found = _find()
    if found is None:
        reason = "no PostgreSQL server here: apt-get install postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def _find() -> Path | None:
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda p: int(p.parts[-3]))
    on_path = shutil.which("pg_ctl")
    if servers:
        return servers[-1].parent
    return Path(on_path).resolve().parent if on_path else None


@contextmanager
def postgres() -> Iterator[Mapping[str, str]]:
    """A running server with an empty database; yields the environment that dagster.prod.yaml reads."""
    tools, port = binaries(), free_port()
    # Not under pytest's folder: the server refuses to run as root, and its user could not enter it.
    root = Path(tempfile.mkdtemp(prefix="ledger-postgres-"))
    data, password = root / "data", root / "password"
    password.write_text(_PASSWORD)
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        for path in (root, password):
            os.chown(path, owner.pw_uid, owner.pw_gid)

    def run(*command: object) -> None:
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        done = subprocess.run([*as_user, *map(str, command)], cwd=root, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    try:
        run(
            tools / "initdb",
            "-D",
            data,
            "-U",
            _USER,
            "-A",
            "scram-sha-256",
            "--pwfile",
            password,
            "--no-sync",
        )
        options = f"-h 127.0.0.1 -p {port} -k {root} -c fsync=off"
        run(tools / "pg_ctl", "-D", data, "-o", options, "-l", root / "log", "-w", "start")
        yield {
            "LEDGER_PG_HOST": "127.0.0.1",
            "LEDGER_PG_PORT": str(port),
            "LEDGER_PG_DATABASE": "postgres",
            "LEDGER_PG_USER": _USER,
            "LEDGER_PG_PASSWORD": _PASSWORD,
        }
    finally:
        if (data / "postmaster.pid").exists():
            run(tools / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(root, ignore_errors=True)
