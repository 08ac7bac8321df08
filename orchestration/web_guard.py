"""Requests that the web server takes: those that its own pages make, and nothing that another page can make a browser send.

Dagster's web server has no users; whoever reaches it may launch and delete. A page of anybody's, open in an operator's
browser, reaches it too: by an image or a link (GET), by a form (POST of text), by a websocket, or by a name of its own
that it lets point to this machine (DNS rebinding). Each of these is told by what a page cannot choose: the method, the
content type of a request without CORS, and the headers Host, Origin and Sec-Fetch-*.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ledger.shown import shown

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_GRAPHQL = "/graphql"
# Dagster's routes that take a claim about an asset from whoever sends it, or run what a notebook says.
_CLOSED = (
    "/report_asset_materialization",
    "/report_asset_check",
    "/report_asset_observation",
    "/notebook",
    "/dagit",
)
_FILES = ("/logs", "/download_debug")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_SINGLE = ("host", "origin", "content-type", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "upgrade")
logger = logging.getLogger("ledger.web")


@dataclass(frozen=True)
class Refusal:
    """Why a request is not taken; nothing of the request itself."""

    status: int
    reason: str


def own_sites(port: int, public_url: str | None) -> dict[str, str]:
    """The names of this server, as a browser sends them in ``Host``, and the origin of its pages under each."""
    sites = {f"{name}:{port}": f"http://{name}:{port}" for name in _LOOPBACK}
    if port == 80:
        sites |= {name: f"http://{name}" for name in _LOOPBACK}
    if public_url:
        sites[urlsplit(public_url).netloc] = public_url
    return sites


class WebGuard:
    """ASGI middleware in front of everything; ``sites``: see :func:`own_sites`."""

    def __init__(self, app: App, sites: Mapping[str, str]) -> None:
        self._app, self._sites = app, sites

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):  # the server's own start and end
            await self._app(scope, receive, send)
            return
        refusal = self.refusal_of(scope)
        if refusal is None:
            await self._app(scope, receive, _with_headers(send, self._sites[_headers(scope)["host"]]))
            return
        method = scope.get("method", "websocket")
        logger.warning("refused: %s %s: %s", method, shown(scope["path"][:200]), refusal.reason)
        await (_close if scope["type"] == "websocket" else _answer)(send, refusal)

    def refusal_of(self, scope: Mapping[str, Any]) -> Refusal | None:
        """Why the request is refused; None for one that the server's own page, or no browser at all, has made."""
        headers = _headers(scope)
        twice = next((name for name in _SINGLE if headers.repeated[name] > 1), None)
        if twice:
            return Refusal(400, f"the header {twice} is there twice")
        site = self._sites.get(headers.get("host", ""))
        if site is None:
            return Refusal(421, "Host is no name of this server (a proxy's name: setting web.public_url)")
        if headers.get("origin", site) != site:
            return Refusal(403, "Origin is another site")
        if scope["type"] == "websocket":
            return _from_elsewhere(headers) or _unless(scope["path"] == _GRAPHQL, 404, "no websocket is here")
        return _method_refused(str(scope["method"]), str(scope["path"]), headers)


class _Headers(dict[str, str]):
    """A request's headers by their names in small letters; ``repeated`` says how often each is there."""

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        named = [(name.decode("latin-1").lower(), value.decode("latin-1").strip()) for name, value in raw]
        super().__init__(named)
        self.repeated = Counter(name for name, _ in named)


def _headers(scope: Mapping[str, Any]) -> _Headers:
    return _Headers(scope["headers"])


def _method_refused(method: str, path: str, headers: _Headers) -> Refusal | None:
    if _is_below(path, _CLOSED):
        return Refusal(403, "this server takes no reports about assets and shows no notebooks")
    if method == "POST":
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        return (
            _from_elsewhere(headers)
            or _unless(path == _GRAPHQL, 405, "only /graphql takes POST")
            or _unless(kind == "application/json", 415, "Content-Type has to be application/json")
        )
    if method not in ("GET", "HEAD"):
        return Refusal(405, "only GET, HEAD and POST are taken")
    if path == _GRAPHQL:
        return Refusal(405, "/graphql takes no GET, which any link or image could make")
    is_page_opened = (
        headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    )
    if is_page_opened and not _is_below(path, _FILES):
        return None  # a link to a page, from an alert or the sign-in: it only shows
    return _from_elsewhere(headers)


def _from_elsewhere(headers: _Headers) -> Refusal | None:
    """Whether a page of another site made the browser send this; what is no browser does not say."""
    is_ours = headers.get("sec-fetch-site", "none") in ("same-origin", "none")
    return _unless(is_ours, 403, "it comes from a page of another site (Sec-Fetch-Site)")


def _unless(holds: bool, status: int, reason: str) -> Refusal | None:
    return None if holds else Refusal(status, reason)


def _is_below(path: str, roots: tuple[str, ...]) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in roots)


def _with_headers(send: Send, site: str) -> Send:
    """Powers that no page of ours needs are closed to it: frames around it, and whatever is fetched from other sites."""
    policy = (
        f"connect-src 'self' {site.replace('http', 'ws', 1)}; img-src 'self' data: blob:; media-src 'self' data:;"
        " font-src 'self' data:; frame-src 'self'; form-action 'self'; frame-ancestors 'none'"
    )
    added = [
        (b"content-security-policy", policy.encode()),
        (b"x-frame-options", b"DENY"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
    ]

    async def extended(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return extended


async def _answer(send: Send, refusal: Refusal) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": f"refused: {refusal.reason}\n".encode()})


async def _close(send: Send, refusal: Refusal) -> None:
    await send({"type": "websocket.close", "code": 1008, "reason": refusal.reason})
