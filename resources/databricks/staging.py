"""The staging folder of one step attempt: on a Unity Catalog volume (Files API), or on DBFS where that is left."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from databricks.sdk.errors import NotFound
from databricks.sdk.errors.base import DatabricksError

from resources.databricks.faults import patiently

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.files import DirectoryEntry

_DBFS_BLOCK = 1024 * 1024  # the API takes and gives no more at once


class Staging(Protocol):
    """Files of one attempt by name."""

    def put(self, name: str, content: bytes) -> None:
        """Write a file whole."""

    def get(self, name: str) -> bytes | None:
        """A file's content; None when there is no such file."""

    def path(self, name: str) -> str:
        """Path at which the cluster finds the file through its file system."""

    def uri(self, name: str) -> str:
        """How the Jobs API names the file."""

    def delete(self) -> None:
        """Remove the attempt's files, and the folders above it that are empty then."""


class VolumeStaging:
    """``/Volumes/<catalog>/<schema>/<volume>/...``: governed by Unity Catalog, one path on both sides."""

    def __init__(self, client: WorkspaceClient, root: str, folder: str, *, patience_sec: float) -> None:
        self._files, self._root, self._patience_sec = client.files, root.rstrip("/"), patience_sec
        self._folder = f"{self._root}/{folder}"
        self._made = False

    def put(self, name: str, content: bytes) -> None:
        if not self._made:
            self._call(lambda: self._files.create_directory(self._folder), "staging folder")
            self._made = True
        path = self.path(name)
        self._call(
            lambda: self._files.upload(path, io.BytesIO(content), overwrite=True), f"staging of {name}"
        )

    def get(self, name: str) -> bytes | None:
        try:
            return patiently(
                lambda: self._read(self.path(name)), f"reading {name}", patience_sec=self._patience_sec
            )
        except NotFound:
            return None

    def path(self, name: str) -> str:
        return f"{self._folder}/{name}"

    uri = path

    def delete(self) -> None:
        for entry in self._entries():
            path = str(entry.path)
            with suppress(NotFound):
                self._call(partial(self._files.delete, path), f"removing {path}")
        folder = self._folder
        while folder != self._root:
            try:
                self._files.delete_directory(folder)
            except DatabricksError:
                return  # another step's files are still there
            folder = folder.rpartition("/")[0]

    def _entries(self) -> list[DirectoryEntry]:
        try:
            return patiently(
                lambda: list(self._files.list_directory_contents(self._folder)),
                "listing the staging folder",
                patience_sec=self._patience_sec,
            )
        except NotFound:
            return []

    def _read(self, path: str) -> bytes:
        stream = self._files.download(path).contents
        if stream is None:
            return b""
        with stream:
            return bytes(stream.read())

    def _call(self, call: Callable[[], Any], what: str) -> None:
        patiently(call, what, patience_sec=self._patience_sec)


class DbfsStaging:
    """``dbfs:/...``: for old workspaces only. Every user of the workspace can write there."""

    def __init__(self, client: WorkspaceClient, root: str, folder: str, *, patience_sec: float) -> None:
        self._dbfs, self._root, self._patience_sec = client.dbfs, root.rstrip("/"), patience_sec
        self._folder = f"{self._root}/{folder}"

    def put(self, name: str, content: bytes) -> None:
        patiently(
            lambda: self._write(self._path(name), content),
            f"staging of {name}",
            patience_sec=self._patience_sec,
        )

    def get(self, name: str) -> bytes | None:
        try:
            return patiently(
                lambda: self._read(self._path(name)), f"reading {name}", patience_sec=self._patience_sec
            )
        except NotFound:
            return None

    def path(self, name: str) -> str:
        return f"/dbfs{self._path(name)}"

    def uri(self, name: str) -> str:
        return f"dbfs:{self._path(name)}"

    def delete(self) -> None:
        self._dbfs.delete(self._folder, recursive=True)
        folder = self._folder.rpartition("/")[0]
        while folder != self._root and not list(self._dbfs.list(folder)):
            self._dbfs.delete(folder)
            folder = folder.rpartition("/")[0]

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}"

    def _write(self, path: str, content: bytes) -> None:
        handle = self._dbfs.create(path, overwrite=True).handle
        assert handle is not None
        for start in range(0, len(content), _DBFS_BLOCK):
            block = content[start : start + _DBFS_BLOCK]
            self._dbfs.add_block(handle, base64.b64encode(block).decode())
        self._dbfs.close(handle)

    def _read(self, path: str) -> bytes:
        parts: list[bytes] = []
        while True:
            answer = self._dbfs.read(path, offset=sum(map(len, parts)), length=_DBFS_BLOCK)
            parts.append(base64.b64decode(answer.data or ""))
            if len(parts[-1]) < _DBFS_BLOCK:
                return b"".join(parts)
