"""The nginx configuration of docs/deployment.md, as it stands there, run by Debian's nginx in front of two guards."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, MutableMapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from configs.settings import ROOT
from orchestration.web_guard import Receive, Send, WebGuard, own_sites
from tests.orchestration.requests_sent import (
    ATTACKS,
    BY_GET,
    IN_JSON,
    JSON,
    WEBSOCKET,
    Sent,
    answer_of,
    status_of,
)
from tests.orchestration.served import free_port

NAME = "ledger-controls.example.com"
OPERATOR, VIEWER = {"Cookie": "session=operator"}, {"Cookie": "session=viewer"}
_GROUPS = {"session=operator": "ledger-oncall,ledger-operators", "session=viewer": "ledger-viewers"}
_ADVICE = "no nginx on this machine: `make nginx` installs Debian's as root"


class SignIn(BaseHTTPRequestHandler):
    """Stands for oauth2-proxy: a cookie is a session, and a session has groups."""

    def do_GET(self) -> None:
        groups = _GROUPS.get(self.headers.get("Cookie", ""))
        if self.path != "/oauth2/auth":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"please sign in")
            return
        self.send_response(202 if groups else 401)
        if groups:
            self.send_header("X-Auth-Request-Groups", groups)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""


def webserver(name: str) -> Any:
    """An application that says which one it is."""

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept", "subprotocol": "graphql-ws"})
            await send({"type": "websocket.close"})
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": name.encode()})

    return app


@contextlib.contextmanager
def running(name: str, port: int) -> Iterator[None]:
    guard = WebGuard(webserver(name), own_sites(port, f"https://{NAME}"))
    server = uvicorn.Server(uvicorn.Config(guard, port=port, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(30)


def nginx() -> str:
    """Debian's nginx. Without one the tests are skipped, under ``CI=true`` they fail."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found:
        return found
    if os.environ.get("CI") == "true":
        pytest.fail(_ADVICE)
    pytest.skip(_ADVICE)


def documented() -> str:
    """The configuration of docs/deployment.md."""
    (found,) = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs/deployment.md").read_text(), re.DOTALL)
    return str(found)


def written(folder: Path, ports: dict[str, int]) -> Path:
    """The documented configuration with this test's ports and certificate, and nothing else changed."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subject = (
        "-subj",
        f"/CN={NAME}",
        "-days",
        "2",
        "-nodes",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
    )
    command = ["openssl", "req", "-x509", *subject, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    text = documented()
    for old, new in (
        ("listen 443 ssl", f"listen 127.0.0.1:{ports['tls']} ssl"),
        ("/etc/ssl/ledger-controls.pem", str(certificate)),
        ("/etc/ssl/ledger-controls.key", str(key)),
        ("127.0.0.1:3000", f"127.0.0.1:{ports['operators']}"),
        ("127.0.0.1:3001", f"127.0.0.1:{ports['viewers']}"),
        ("127.0.0.1:4180", f"127.0.0.1:{ports['sign_in']}"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    user = "user root;\n" if os.getuid() == 0 else ""
    made = folder / "nginx.conf"
    made.write_text(
        f"{user}daemon off;\npid {folder}/pid;\nerror_log stderr warn;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{folders}{text}}}\n"
    )
    return made


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The proxy's port, with a sign-in and the two webservers behind it."""
    program, folder = nginx(), tmp_path_factory.mktemp("proxy")
    sign_in = ThreadingHTTPServer(("127.0.0.1", 0), SignIn)
    threading.Thread(target=sign_in.serve_forever, daemon=True).start()
    ports = {name: free_port() for name in ("tls", "operators", "viewers")} | {
        "sign_in": sign_in.server_address[1]
    }
    config = written(folder, ports)
    with running("operators", ports["operators"]), running("viewers", ports["viewers"]):
        process = subprocess.Popen([program, "-p", str(folder), "-c", str(config)])
        try:
            for port in (ports["tls"], ports["operators"], ports["viewers"]):
                _wait_for(port, process)
            yield ports["tls"]
        finally:
            process.terminate()
            process.wait(30)
            sign_in.shutdown()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "nginx has ended"
        with contextlib.suppress(OSError):
            status_of(port, Sent(0, "GET", "/"), host=NAME)
            return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}")


def own(**headers: str) -> dict[str, str]:
    """Headers that the UI's pages send with every request."""
    return {"Origin": f"https://{NAME}", "Sec-Fetch-Site": "same-origin", **headers}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_the_proxy_refuses_an_operators_browser_what_another_page_makes_it_send(
    proxy: int, attack: Sent
) -> None:
    """INV-90: signed in, and refused by the proxy itself."""
    status, text = answer_of(proxy, attack, host=NAME, tls=True, **OPERATOR)
    assert status in (403, 405, 421)
    assert "nginx" in text


@pytest.mark.parametrize(
    "asked",
    [
        Sent(200, "GET", "/"),
        Sent(200, headers={**JSON, **own()}, body=IN_JSON),
        Sent(200, "GET", "/assets/a"),
    ],
    ids=["page", "graphql", "asset"],
)
def test_nobody_comes_in_without_a_session(proxy: int, asked: Sent) -> None:
    """INV-90: whatever it claims about itself."""
    claims = {"X-Auth-Request-Groups": "ledger-operators", "X-Forwarded-Host": NAME}
    assert answer_of(proxy, asked, host=NAME, tls=True, **claims) == (200, "please sign in")


@pytest.mark.parametrize(("session", "server"), [(OPERATOR, "operators"), (VIEWER, "viewers")])
def test_the_group_decides_which_webserver_answers(proxy: int, session: dict[str, str], server: str) -> None:
    """INV-90"""
    page = Sent(200, "GET", "/runs", {**session, "X-Auth-Request-Groups": "ledger-operators"})
    assert answer_of(proxy, page, host=NAME, tls=True) == (200, server)
    asked = Sent(200, headers={**JSON, **own(**session)}, body=IN_JSON)
    assert answer_of(proxy, asked, host=NAME, tls=True) == (200, server)
    followed = Sent(101, "GET", headers={**WEBSOCKET, **own(**session)})
    assert status_of(proxy, followed, host=NAME, tls=True) == 101


def test_a_link_and_the_way_back_from_the_sign_in_are_let_through(proxy: int) -> None:
    """INV-90: both are navigations from another site."""
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert answer_of(proxy, Sent(200, "GET", "/runs", {**link, **OPERATOR}), host=NAME, tls=True) == (
        200,
        "operators",
    )
    back = Sent(200, "GET", "/oauth2/callback?code=c", link)
    assert answer_of(proxy, back, host=NAME, tls=True) == (200, "please sign in")
    assert status_of(proxy, Sent(405, "GET", BY_GET, {**link, **OPERATOR}), host=NAME, tls=True) == 405
