"""A second page, open in the operator's browser, that tries everything a page can to start the clean-up."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, urlsplit

from playwright.sync_api import Page

from orchestration.launch import dagster_instance
from tests.browser.conftest import REBOUND
from tests.browser.server import webserver
from tests.support import Home

_SELECTOR = (
    'repositoryLocationName: "ledger_controls", repositoryName: "__repository__",'
    ' jobName: "bad_records_retention_cleanup"'
)
LAUNCH = (
    f"mutation {{ launchRun(executionParams: {{selector: {{{_SELECTOR}}},"
    ' runConfigData: "{}", mode: "default"}) { __typename } }'
)
# Each way is a script that has done its work when its promise is settled; SERVER and LAUNCH are set before.
WAYS = {
    "image": "new Promise(done => { const i = new Image(); i.onload = i.onerror = done; i.src = GET; })",
    "script": "new Promise(done => { const s = document.createElement('script'); s.onload = s.onerror = done;"
    " s.src = GET; document.body.append(s); })",
    "frame": "new Promise(done => { const f = document.createElement('iframe'); f.onload = done; f.src = GET;"
    " document.body.append(f); })",
    "fetch": "fetch(GET, {mode: 'no-cors', credentials: 'include'})",
    "post": "fetch(GET, {method: 'POST', mode: 'no-cors', body: JSON.stringify({query: LAUNCH})})",
    "post json": "fetch(SERVER, {method: 'POST', headers: {'Content-Type': 'application/json'},"
    " body: JSON.stringify({query: LAUNCH})})",
    "beacon": "new Promise(done => { navigator.sendBeacon(GET, 'x'); setTimeout(done, 300); })",
    "form": "new Promise(done => { const f = document.createElement('form'); f.method = 'post'; f.action = GET;"
    " f.enctype = 'text/plain'; const t = document.createElement('iframe'); t.name = 'sink';"
    " document.body.append(t, f); f.target = 'sink'; f.submit(); setTimeout(done, 500); })",
    "form with files": "new Promise(done => { const f = document.createElement('form'); f.method = 'post';"
    " f.action = GET; f.enctype = 'multipart/form-data'; f.target = '_blank'; document.body.append(f);"
    " f.submit(); setTimeout(done, 300); })",
    "websocket": "new Promise(done => { const w = new WebSocket(SERVER.replace('http', 'ws'), 'graphql-ws');"
    " w.onopen = () => done('open'); w.onclose = w.onerror = done; })",
    "link": "new Promise(done => { window.open(GET); setTimeout(done, 300); })",
}


class Elsewhere(BaseHTTPRequestHandler):
    """Somebody's empty page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title><body></body>")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""


@contextlib.contextmanager
def another_site() -> Iterator[int]:
    """Its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def attempted(page: Page, server: str, way: str) -> str:
    """Outcome of one way, tried by the page that is open."""
    said = page.evaluate(
        f"""async () => {{
            const SERVER = {json.dumps(server + "/graphql")}, LAUNCH = {json.dumps(LAUNCH)};
            const GET = SERVER + "?query={quote(LAUNCH)}";
            try {{ return String(await {way}); }} catch (error) {{ return String(error); }}
        }}"""
    )
    return str(said)


def test_no_page_of_another_site_launches_anything(home: Home, page: Page) -> None:
    """INV-90: by its own name, by another port of this machine, and by a name that it lets point to the server."""
    with webserver(home) as address, another_site() as port, dagster_instance() as instance:
        for site in (f"http://{REBOUND}:{port}", f"http://127.0.0.1:{port}"):
            page.goto(site)
            for name, way in WAYS.items():
                assert attempted(page, address, way) != "open", name
                assert instance.get_runs_count() == 0, f"{name} from {site}"
        rebound = f"http://{REBOUND}:{urlsplit(address).port}"
        page.goto(rebound)
        attempted(page, rebound, WAYS["post json"])
        assert instance.get_runs_count() == 0

        with page.expect_websocket():  # the UI's own page, and the same request from it
            page.goto(f"{address}/runs")
        attempted(page, address, WAYS["post json"])
        assert instance.get_runs_count() == 1
