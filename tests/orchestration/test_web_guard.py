"""Refusals of the web server, each sent raw to the real one; Dagster's own takes it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from dagster import DagsterInstance
from dagster._daemon.asset_daemon import get_auto_materialize_paused, set_auto_materialize_paused

from configs.settings import ROOT
from orchestration.launch import dagster_instance
from tests.orchestration.requests_sent import (
    ATTACKS,
    BY_GET,
    IN_JSON,
    JSON,
    MUTATION,
    WEBSOCKET,
    Sent,
    status_of,
)
from tests.orchestration.served import free_port
from tests.support import Home, entered

PUBLIC = "https://ledger-controls.example.com"
_START_SEC = 120


@dataclass
class Server:
    """A web server that knows no code, on an instance of its own."""

    port: int
    instance: DagsterInstance

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def is_paused(self) -> bool:
        """Whether a mutation has run; undone again."""
        paused = get_auto_materialize_paused(self.instance)
        set_auto_materialize_paused(self.instance, False)
        return paused


@contextlib.contextmanager
def serving(home: Home, module: str, *options: str) -> Iterator[Server]:
    port = free_port()
    with entered(home), dagster_instance() as instance:
        server = Server(port, instance)
        server.is_paused()
        command = [sys.executable, "-m", module, "--port", str(port), *options]
        environment = {**os.environ, "PIPELINE_CFG__WEB__PUBLIC_URL": PUBLIC}
        process = subprocess.Popen(command, cwd=ROOT, env=environment)
        try:
            _wait_for(server, process)
            yield server
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SEC
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            assert status_of(server.port, Sent(200, "GET", "/server_info"), host=server.host) == 200
            return
        assert process.poll() is None, "the web server has ended"
        time.sleep(0.1)
    raise AssertionError("the web server did not start")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Ours."""
    with serving(
        Home(tmp_path_factory.mktemp("guarded")), "orchestration.webserver", "--workspace"
    ) as server:
        yield server


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Dagster's own."""
    with serving(Home(tmp_path_factory.mktemp("plain")), "dagster_webserver", "--empty-workspace") as server:
        yield server


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_refused_and_changes_nothing(guarded: Server, attack: Sent) -> None:
    """INV-90"""
    assert status_of(guarded.port, attack, host=guarded.host) == attack.status
    assert not guarded.is_paused()


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_dagsters_own_server_takes_the_attack(plain: Server, attack: Sent) -> None:
    """So the test above can fail: none of these is refused there, and the mutations are done."""
    assert status_of(plain.port, attack, host=plain.host) in (101, 200)
    is_mutation = MUTATION in (attack.body or "") or attack.path == BY_GET
    assert plain.is_paused() == is_mutation


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
def test_the_servers_own_pages_are_taken_by_each_of_its_names(guarded: Server, name: str) -> None:
    """INV-90"""
    host = f"{name}:{guarded.port}"
    own = {"Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    asked = Sent(200, headers={**JSON, **own}, body=IN_JSON)
    assert status_of(guarded.port, asked, host=host) == 200
    assert guarded.is_paused()
    assert status_of(guarded.port, Sent(101, "GET", headers={**WEBSOCKET, **own}), host=host) == 101


def test_the_proxys_name_is_taken_with_its_own_origin_alone(guarded: Server) -> None:
    """INV-90"""
    host = PUBLIC.removeprefix("https://")
    for origin, status in ((PUBLIC, 200), (f"http://{host}", 403), (f"http://127.0.0.1:{guarded.port}", 403)):
        asked = Sent(status, headers={**JSON, "Origin": origin}, body=IN_JSON)
        assert status_of(guarded.port, asked, host=host) == status
        assert guarded.is_paused() == (status == 200)


def test_a_link_from_elsewhere_opens_a_page_and_fetches_no_file(guarded: Server) -> None:
    """INV-90: an alert's link and the way back from the sign-in are links from another site."""
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    for path, status in (("/runs", 200), ("/download_debug/r", 403), ("/logs/a/b.err", 403)):
        assert status_of(guarded.port, Sent(status, "GET", path, link), host=guarded.host) == status


def test_a_header_that_is_there_twice_is_refused(guarded: Server) -> None:
    """INV-90: two readers could take two different ones."""
    twice = Sent(400, headers={**JSON, "origin": f"http://{guarded.host}"}, body=IN_JSON)
    assert status_of(guarded.port, twice, host=guarded.host, Origin="https://evil.example") == 400
    assert not guarded.is_paused()
