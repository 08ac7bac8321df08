"""Volumes and DBFS on a directory, with the limits of the real ones."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import Any

_BLOCK = 1024 * 1024


class ApiError(Exception):
    """An answer with an error in it."""

    def __init__(self, status: int, error_code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.body = status, {"error_code": error_code, "message": message}


class Storage:
    """``/Volumes/...`` and ``dbfs:/...`` below one root. ``ever_written`` keeps every byte for the canary search."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ever_written: dict[str, list[bytes]] = {}
        self._handles: dict[int, str] = {}

    def local(self, path: str) -> Path:
        """Place of a workspace path on this machine (``/Volumes/x``, ``dbfs:/x`` or ``/dbfs/x``)."""
        for prefix in ("dbfs:/", "/dbfs/"):
            if path.startswith(prefix):
                path = "/dbfs/" + path.removeprefix(prefix).lstrip("/")
        found = (self.root / path.lstrip("/")).resolve()
        if not found.is_relative_to(self.root.resolve()):
            raise ApiError(400, "INVALID_PARAMETER_VALUE", f"{path} leaves the workspace")
        return found

    def files(self) -> list[str]:
        """Every file that lies there now."""
        return sorted(p.relative_to(self.root).as_posix() for p in self.root.rglob("*") if p.is_file())

    # -- Files API ----------------------------------------------------------------------------------------------------

    def put(self, path: str, content: bytes) -> None:
        target = self.local(path)
        if not target.parent.is_dir():
            raise ApiError(404, "NOT_FOUND", f"{path}: no such directory")
        target.write_bytes(content)
        self.ever_written.setdefault(path, []).append(content)

    def get(self, path: str) -> bytes:
        target = self.local(path)
        if not target.is_file():
            raise ApiError(404, "NOT_FOUND", f"{path} does not exist")
        return target.read_bytes()

    def delete(self, path: str) -> None:
        self.get(path)
        self.local(path).unlink()

    def make_directory(self, path: str) -> None:
        self.local(path).mkdir(parents=True, exist_ok=True)

    def delete_directory(self, path: str) -> None:
        target = self.local(path)
        if not target.is_dir():
            raise ApiError(404, "NOT_FOUND", f"{path} does not exist")
        if any(target.iterdir()):
            raise ApiError(400, "DIRECTORY_NOT_EMPTY", f"{path} is not empty")
        target.rmdir()

    def list_directory(self, path: str) -> dict[str, Any]:
        target = self.local(path)
        if not target.is_dir():
            raise ApiError(404, "NOT_FOUND", f"{path} does not exist")
        return {
            "contents": [
                {
                    "path": f"{path.rstrip('/')}/{p.name}",
                    "name": p.name,
                    "is_directory": p.is_dir(),
                    "last_modified": int(p.stat().st_mtime * 1000),
                }
                for p in sorted(target.iterdir())
            ]
        }

    # -- DBFS API -----------------------------------------------------------------------------------------------------

    def dbfs(self, call: str, given: dict[str, Any]) -> dict[str, Any]:
        """One call of ``/api/2.0/dbfs``; blocks above 1 MiB are refused."""
        if call == "create":
            path = f"/dbfs{given['path']}"
            self.local(path).parent.mkdir(parents=True, exist_ok=True)
            self.local(path).write_bytes(b"")
            self._handles[len(self._handles) + 1] = path
            return {"handle": len(self._handles)}
        if call == "add-block":
            return self._add_block(self._handles[int(given["handle"])], str(given["data"]))
        if call == "close":
            return {}
        path = f"/dbfs{given['path']}"
        target = self.local(path)
        if call == "delete":
            shutil.rmtree(target, ignore_errors=True)
            return {}
        if not target.exists():
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"{path} does not exist")
        if call == "get-status":
            return {"path": given["path"], "is_dir": target.is_dir(), "file_size": target.stat().st_size}
        if call == "list":
            entries = target.iterdir() if target.is_dir() else [target]
            return {"files": [{"path": f"{given['path']}/{p.name}", "is_dir": p.is_dir()} for p in entries]}
        return self._read(target, int(given.get("offset", 0)), int(given.get("length", _BLOCK)))

    def _add_block(self, path: str, data: str) -> dict[str, Any]:
        block = base64.b64decode(data)
        if len(block) > _BLOCK:
            raise ApiError(400, "MAX_BLOCK_SIZE_EXCEEDED", f"{len(block)} bytes")
        with self.local(path).open("ab") as stream:
            stream.write(block)
        self.ever_written.setdefault(path, []).append(block)
        return {}

    @staticmethod
    def _read(target: Path, offset: int, length: int) -> dict[str, Any]:
        if length > _BLOCK:
            raise ApiError(400, "MAX_READ_SIZE_EXCEEDED", f"{length} bytes")
        with target.open("rb") as stream:
            stream.seek(offset)
            block = stream.read(length)
        return {"bytes_read": len(block), "data": base64.b64encode(block).decode()}
