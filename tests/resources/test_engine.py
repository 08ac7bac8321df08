"""The embedded engine belongs to its user alone: its port, its socket, its environment, and its end."""

from __future__ import annotations

import logging
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import resources.shared_host
from configs.settings import ROOT, load_settings
from ledger.errors import EngineLostError, SettingsError
from resources.engine import EmbeddedEngine
from resources.salt import SALT_VARIABLE, secrets_hidden
from resources.spark import _session_at, begin, embedded_engine

NOBODY = 65534
SALT = "canary-5f3e"
pytestmark = pytest.mark.skipif(load_settings().spark.engine != "sail", reason="the embedded engine's")
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user for a moment")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedEngine]:
    """An engine of this test alone, started by a process that knows the salt."""
    monkeypatch.setenv(SALT_VARIABLE, SALT)
    made = EmbeddedEngine(memory_mb=512, allow_shared_host=False)
    made.start()
    yield made
    made.kill()


def owned_sockets(pid: int) -> set[str]:
    return {
        os.readlink(link).removeprefix("socket:[").removesuffix("]")
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if os.readlink(link).startswith("socket:")
    }


def test_it_listens_on_no_port_of_the_machine(engine: EmbeddedEngine) -> None:
    assert engine.pid is not None
    inodes = owned_sockets(engine.pid)
    lines = [
        line for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    assert inodes, "it has its port, in a network of its own"
    assert not [line for line in lines if line.split()[9] in inodes]


def as_another_user(code: str, *arguments: str) -> str:
    """Output of a program of user ``nobody``."""
    program = f"""
import os, socket, sys  # read as root, used as nobody
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
{textwrap.dedent(code)}"""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",
        check=False,
    )
    return done.stdout + done.stderr


@as_root
def test_another_user_runs_no_python_in_it(engine: EmbeddedEngine) -> None:
    """The way in that we use ourselves answers nobody else: the connection is closed before a byte of it is read."""
    name = engine.address.removeprefix("unix-abstract:")
    code = """
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect("\\0" + sys.argv[1])
            try:
                s.sendall(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
                print("answer:", s.recv(100))
            except ConnectionError:
                print("answer:", b"")
    """
    assert "answer: b''" in as_another_user(code, name)
    with socket.socket(socket.AF_UNIX) as own:
        own.connect(f"\0{name}")
        own.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        assert own.recv(100), "its owner is answered"


@as_root
def test_another_user_reads_no_salt_and_enters_no_network_of_it(engine: EmbeddedEngine) -> None:
    code = """
        for path in ("environ", "ns/net"):
            try:
                fd = os.open(f"/proc/{sys.argv[1]}/{path}", os.O_RDONLY)
                print("opened", path)
            except PermissionError:
                print("refused", path)
    """
    assert as_another_user(code, str(engine.pid)).split() == ["refused", "environ", "refused", "ns/net"]


@as_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_nobody_can_have_one_of_his_own() -> None:
    """The account that services run as, also where only root may walk to the interpreter."""
    code = """
from resources.engine import EmbeddedEngine
engine = EmbeddedEngine(memory_mb=512, allow_shared_host=False)
engine.start()
print("private:", engine.address.startswith("unix"))
engine.kill()
"""
    command = [
        "setpriv",
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        sys.executable,
        "-c",
        code,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    if "ModuleNotFoundError" in done.stderr or "ermission denied" in done.stderr:
        pytest.skip(f"this checkout is closed to other users: {done.stderr.splitlines()[-1]}")
    assert done.stdout == "private: True\n", done.stderr


def test_no_secret_is_in_its_environment(engine: EmbeddedEngine) -> None:
    assert SALT not in Path(f"/proc/{engine.pid}/environ").read_text()
    assert os.environ[SALT_VARIABLE] == SALT, "C's operation finds it where it was"


def test_no_operation_sees_the_salt_from_within(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that runs in the engine, of whatever operation."""
    monkeypatch.setenv(SALT_VARIABLE, SALT)
    seen = F.udf(
        lambda _: repr(
            (dict(__import__("os").environ), __import__("pathlib").Path("/proc/self/environ").read_text())
        ),
        "string",
    )
    (row,) = spark.range(1).select(seen("id").alias("seen")).collect()
    assert "PATH" in row["seen"]
    assert SALT not in row["seen"]


def test_the_other_engine_is_started_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SALT_VARIABLE, SALT)
    with secrets_hidden():
        environment = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout
    assert SALT not in environment
    assert os.environ[SALT_VARIABLE] == SALT


def test_an_interrupt_of_the_terminal_does_not_reach_it(engine: EmbeddedEngine) -> None:
    assert engine.pid is not None
    assert os.getsid(engine.pid) == engine.pid


def test_it_ends_with_its_parent_however_that_ends() -> None:
    code = "from resources.engine import EmbeddedEngine as E\nimport os\ne = E(memory_mb=512, allow_shared_host=True)\n"
    code += "e.start(); print(e.pid, flush=True); os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    engine, until = Path(f"/proc/{int(done.stdout)}"), time.monotonic() + 5
    while engine.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not engine.exists()


def test_out_of_memory_it_ends_with_one_line_that_says_so(
    engine: EmbeddedEngine, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not with its own on the terminal."""
    session: Any = _session_at(engine.address)
    grpc.channel_ready_future(session.client._channel).result(30)
    assert session.range(3).count() == 3
    status = Path(f"/proc/{engine.pid}/status").read_text()
    used = int(re.search(r"VmSize:\s+(\d+)", status)[1]) << 10  # type: ignore[index]
    assert engine.pid is not None
    resource.prlimit(engine.pid, resource.RLIMIT_AS, (used + (5 << 20), resource.RLIM_INFINITY))
    with pytest.raises(PySparkException):
        session.sql("SELECT length(repeat('x', 400000000))").collect()
    until = time.monotonic() + 10
    while engine.is_alive and time.monotonic() < until:
        time.sleep(0.02)
    assert re.match(
        r"the embedded engine ended with signal 6: memory allocation of \d+ bytes failed -> run the same command again",
        str(engine.lost()),
    )
    assert capfd.readouterr().err == ""


def test_one_that_does_not_come_up_is_said_and_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "engine.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr("resources.engine._PROGRAM", tmp_path / "engine.py")
    monkeypatch.setattr("resources.engine._SAY_AFTER_SEC", 0.1)
    monkeypatch.setattr("resources.engine._START_SEC", 0.2)
    with caplog.at_level(logging.INFO), pytest.raises(EngineLostError, match="did not start"):
        EmbeddedEngine(memory_mb=512, allow_shared_host=True).start()
    assert "waits for the embedded engine to start" in caplog.text


def test_one_that_breaks_down_at_its_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "engine.py").write_text("raise RuntimeError('no pysail here')\n")
    monkeypatch.setattr("resources.engine._PROGRAM", tmp_path / "engine.py")
    with pytest.raises(EngineLostError, match=r"did not start \(code 1\): RuntimeError: no pysail here ->"):
        EmbeddedEngine(memory_mb=512, allow_shared_host=True).start()


def unable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without namespaces: the engine's program says so, as it does where the kernel refuses."""
    program = tmp_path / "engine.py"
    source = Path(ROOT / "resources" / "engine_process.py").read_text()
    program.write_text(source.replace("if libc.unshare(flags) != 0:", "if True:"))
    monkeypatch.setattr("resources.engine._PROGRAM", program)


def test_it_is_refused_where_other_people_could_reach_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Unless a setting says that they may."""
    unable(monkeypatch, tmp_path)
    monkeypatch.setattr("resources.engine.other_people", lambda: ["mallory"])
    with pytest.raises(SettingsError, match=r"mallory.*spark\.allow_shared_host: true"):
        EmbeddedEngine(memory_mb=512, allow_shared_host=False).start()
    accepted = EmbeddedEngine(memory_mb=512, allow_shared_host=True)
    accepted.start()
    assert accepted.is_alive
    accepted.kill()


def test_a_refused_launch_hides_no_other_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It was launched ahead; an operation that fails before it needs the engine fails for its own reason."""
    unable(monkeypatch, tmp_path)
    monkeypatch.setattr("resources.engine.other_people", lambda: ["mallory"])
    engine = EmbeddedEngine(memory_mb=512, allow_shared_host=False)
    engine.launch()
    while engine.is_alive:
        time.sleep(0.02)
    assert engine.lost() is None
    with pytest.raises(SettingsError, match="mallory"):
        engine.start()


def test_a_launch_ahead_that_the_machine_refuses_is_told_by_the_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There a run can record it."""

    def refuse(*_args: object, **_options: object) -> None:
        raise BlockingIOError("no process is left")

    monkeypatch.setattr("resources.engine.subprocess.Popen", refuse)
    monkeypatch.setattr("resources.spark._ENGINES", [])
    settings = load_settings().spark.model_copy(update={"memory_mb": 513})
    begin(settings)
    with pytest.raises(BlockingIOError):
        embedded_engine(513, settings.allow_shared_host).start()


def test_it_is_not_refused_where_nobody_else_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A container, where the kernel's namespaces are often not to be had."""
    unable(monkeypatch, tmp_path)
    monkeypatch.setattr("resources.engine.other_people", list)
    alone = EmbeddedEngine(memory_mb=512, allow_shared_host=False)
    alone.start()
    assert alone.is_alive
    alone.kill()


def test_people_are_accounts_with_a_shell_and_owners_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither services nor root nor ourselves."""
    import pwd

    accounts = [
        pwd.struct_passwd((name, "x", uid, uid, "", "/", shell))
        for name, uid, shell in (
            ("root", 0, "/bin/bash"),
            ("postgres", 101, "/bin/bash"),
            ("me", os.getuid(), "/bin/bash"),
            ("nobody", 65534, "/bin/sh"),
            ("robot", 1001, "/usr/sbin/nologin"),
            ("ann", 1002, "/bin/zsh"),
        )
    ]
    monkeypatch.setattr("pwd.getpwall", lambda: accounts)
    people = resources.shared_host.other_people()
    assert "ann" in people
    assert not {"root", "postgres", "me", "nobody", "robot"} & set(people)


def test_created_files_are_private_to_their_user(tmp_path: Path) -> None:
    code = "from resources.shared_host import keep_files_private as k; import pathlib, sys; k()\n"
    code += "p = pathlib.Path(sys.argv[1]) / 'folder'; p.mkdir(); (p / 'file').write_text('')"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True)
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "folder" / "file").stat().st_mode & 0o777 == 0o600
