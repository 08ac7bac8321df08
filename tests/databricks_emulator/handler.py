"""HTTP of the emulated workspace: reads a request, logs it, writes the answer."""

from __future__ import annotations

import json
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.databricks_emulator.storage import ApiError

if TYPE_CHECKING:
    from tests.databricks_emulator.emulator import Emulator


class Handler(BaseHTTPRequestHandler):
    """One connection of the SDK."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _handle(self) -> None:
        from tests.databricks_emulator.emulator import Request

        emulator: Emulator = self.server.emulator  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        body = self._body()
        try:
            status, result = (
                200,
                emulator.answer(
                    self.command,
                    path,
                    dict(parse_qsl(parts.query)),
                    body,
                    self.headers.get("Authorization", ""),
                ),
            )
        except ApiError as error:
            status, result = error.status, error.body
        emulator.requests.append(Request(self.command, path, status))
        self._reply(status, result)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _handle  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _reply(self, status: int, result: Any) -> None:
        is_file = isinstance(result, bytes)
        content = result if is_file else json.dumps(result or {}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream" if is_file else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Last-Modified", formatdate(usegmt=True))
        if status in (429, 503):
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """The log is ``Emulator.requests``."""
