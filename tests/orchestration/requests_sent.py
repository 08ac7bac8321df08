"""HTTP as an attacker's page makes a browser send it: raw, any method, Host and header; and who would notice it."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

# Harmless to run, and to be seen afterwards: it pauses the automation of the instance.
MUTATION = "mutation { setAutoMaterializePaused(paused: true) }"
BY_GET = f"/graphql?query={quote(MUTATION)}"
IN_JSON = json.dumps({"query": MUTATION})
JSON = {"Content-Type": "application/json"}
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "bGVkZ2VyLWNvbnRyb2xzIQ==",
    "Sec-WebSocket-Protocol": "graphql-ws",
}


@dataclass(frozen=True)
class Sent:
    """A request, and the status with which it has to be refused."""

    status: int
    method: str = "POST"
    path: str = "/graphql"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None


ATTACKS = {
    "a mutation by GET, as an image or a link sends it": Sent(405, "GET", BY_GET),
    "the same by a link that opens a page": Sent(
        405,
        "GET",
        BY_GET,
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    ),
    "a form of plain text": Sent(415, path=BY_GET, headers={"Content-Type": "text/plain"}, body=IN_JSON),
    "a form's fields": Sent(
        415, path=BY_GET, headers={"Content-Type": "application/x-www-form-urlencoded"}, body="a=b"
    ),
    "a form with files": Sent(
        415, path=BY_GET, headers={"Content-Type": "multipart/form-data; boundary=b"}, body="--b--"
    ),
    "a form that names no type": Sent(415, path=BY_GET, body=""),
    "text that only mentions JSON": Sent(
        415, headers={"Content-Type": "text/plain; application/json"}, body=IN_JSON
    ),
    "GraphQL as its own type": Sent(415, headers={"Content-Type": "application/graphql"}, body=MUTATION),
    "another site's script": Sent(403, headers={**JSON, "Origin": "https://evil.example"}, body=IN_JSON),
    "a script without an origin": Sent(403, headers={**JSON, "Origin": "null"}, body=IN_JSON),
    "a script of another port": Sent(403, headers={**JSON, "Origin": "http://127.0.0.1:9"}, body=IN_JSON),
    "a page of another site": Sent(403, headers={**JSON, "Sec-Fetch-Site": "cross-site"}, body=IN_JSON),
    "a page of another port": Sent(403, headers={**JSON, "Sec-Fetch-Site": "same-site"}, body=IN_JSON),
    "a name that was pointed here": Sent(421, headers={**JSON, "Host": "evil.example"}, body=IN_JSON),
    "such a name with the origin that fits": Sent(
        421, headers={**JSON, "Host": "evil.example", "Origin": "http://evil.example"}, body=IN_JSON
    ),
    "a report about an asset": Sent(
        403, path="/report_asset_materialization/gold/money_adds_up", headers=JSON, body="{}"
    ),
    "a report without a type": Sent(403, path="/report_asset_materialization/gold/money_adds_up"),
    "a report of a check": Sent(
        403,
        path="/report_asset_check/gold/money_adds_up",
        headers=JSON,
        body=json.dumps({"check_name": "verdicts", "passed": True}),
    ),
    "an observation": Sent(403, path="/report_asset_observation/gold/money_adds_up", headers=JSON, body="{}"),
    "a notebook": Sent(403, "GET", "/notebook?path=a.ipynb&repoLocName=l"),
    "the page in a frame of another site": Sent(
        403,
        "GET",
        "/",
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ),
    "another site's websocket": Sent(403, "GET", headers={**WEBSOCKET, "Origin": "https://evil.example"}),
    "a websocket by a name that was pointed here": Sent(
        403, "GET", headers={**WEBSOCKET, "Host": "evil.example"}
    ),
}


def status_of(port: int, sent: Sent, *, host: str, tls: bool = False, **headers: str) -> int:
    """Send it to a server of this machine; the status of the answer. ``host`` stands in where no Host is given."""
    return answer_of(port, sent, host=host, tls=tls, **headers)[0]


def answer_of(port: int, sent: Sent, *, host: str, tls: bool = False, **headers: str) -> tuple[int, str]:
    """Status and text."""
    connection: Any
    if tls:
        anyone = ssl._create_unverified_context()  # the certificate is the test's own
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=anyone)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest(sent.method, sent.path, skip_host=True, skip_accept_encoding=True)
        body = None if sent.body is None else sent.body.encode()
        own = {"Host": host, **headers, **sent.headers}
        for name, value in own.items():
            connection.putheader(name, value)
        if sent.method == "POST":
            connection.putheader("Content-Length", str(len(body or b"")))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, "" if answer.status == 101 else answer.read().decode(errors="replace")
    finally:
        connection.close()
