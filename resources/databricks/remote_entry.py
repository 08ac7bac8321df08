"""Entry of one step on Databricks: unpack the code, run the step, send its events to the staging folder.

Staged and started alone, so nothing but the standard library is imported before the code is unpacked. The step
has ended when its last event is in ``events.json.gz``; only then does this process fail for a failed step, so that
Databricks' own alerts see it. ``refusal.txt`` says why the step could not even start.
"""

from __future__ import annotations

import contextlib
import gzip
import importlib.metadata
import io
import json
import os
import pickle
import sys
import tempfile
import threading
import traceback
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_TAIL_CHARACTERS = 64 * 1024
_ENDS = ("STEP_SUCCESS", "STEP_FAILURE", "STEP_UP_FOR_RETRY")


class StepDidNotSucceed(Exception):  # noqa: N818
    """Makes the Databricks run fail when the step did."""


class Refused(Exception):  # noqa: N818
    """The step cannot start here, now or later."""


def main(folder: Path, dbutils: Any) -> None:
    """Run the step whose files lie in ``folder``. Raises when it did not succeed."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    secrets: list[str] = []
    with tempfile.TemporaryDirectory() as code, _captured(folder, secrets):
        try:
            _check_versions(config["versions"])
            zipfile.ZipFile(folder / "code.zip").extractall(code)
            sys.path[:0] = [
                str(folder),
                code,
            ]  # Dagster takes the first entry for the script's and leaves it out
            os.environ.update(config["environment"])
            secrets += _export_secrets(config["secrets"], dbutils)
            step = _loaded(folder)
        except Refused as refusal:
            (folder / "refusal.txt").write_text(_concealed(str(refusal), secrets), encoding="utf-8")
            raise
        end = _run(step, folder, secrets)
        print(f"{config['step']}: {end}")
    if end != "STEP_SUCCESS":
        raise StepDidNotSucceed(f"{config['step']} ended with {end}; its events are in Dagster")


def _check_versions(expected: dict[str, str]) -> None:
    """Both sides exchange Dagster's own objects, so both need the same Dagster."""
    found = {name: importlib.metadata.version(name) for name in expected}
    wrong = [
        f"{name} {found[name]} (host: {expected[name]})" for name in expected if found[name] != expected[name]
    ]
    if wrong:
        raise Refused(f"the cluster has other library versions than the host: {', '.join(wrong)}")


def _export_secrets(wanted: list[dict[str, str]], dbutils: Any) -> list[str]:
    """Secrets into the environment; the step itself decides what a missing one means. Returns their values."""
    values = []
    for secret in wanted:
        place = f"{secret['scope']}/{secret['key']}"
        try:
            value = str(dbutils.secrets.get(scope=secret["scope"], key=secret["key"]))
        except Exception as error:
            print(f"secret {place} cannot be read: {type(error).__name__}", file=sys.stderr)
            continue
        os.environ[secret["name"]] = value
        values.append(value)
        print(f"{secret['name']} comes from secret {place}")
    return [value for value in values if value.strip()]


def _loaded(folder: Path) -> Any:
    """The step's reference, with its definitions loaded once to see that they can be."""
    with (folder / "step_run_ref.pkl").open("rb") as stream:
        content = stream.read()
    try:
        step = pickle.loads(content)  # written by the host; see docs/databricks.md on who may write here
        step.recon_job.get_definition()
    except Exception as error:
        traceback.print_exc()
        raise Refused(
            f"the job's definitions do not load on the cluster: {type(error).__name__}: {error}"
        ) from error
    return step


def _run(step: Any, folder: Path, secrets: list[str]) -> str:
    """Run the step; the type of its last event."""
    from resources.dagster_internals import (
        external_instance_from_step_run_ref,
        run_step_from_ref,
    )

    end = "nothing"
    with _EventFile(folder / "events.json.gz", secrets) as events:
        instance = external_instance_from_step_run_ref(step, event_listener_fn=events.add)
        for event in run_step_from_ref(step, instance):
            if event.event_type_value in _ENDS:
                end = event.event_type_value
    return end


class _EventFile:
    """Every event so far in one file, written anew each second: a volume takes no appends."""

    def __init__(self, path: Path, secrets: list[str]) -> None:
        self._path, self._secrets = path, secrets
        self._events: list[Any] = []
        self._written = 0
        self._over = threading.Event()
        self._writer = threading.Thread(target=self._write_often, daemon=True)

    def add(self, event: Any) -> None:
        self._events.append(event)

    def __enter__(self) -> _EventFile:
        self._writer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._writer.join()
        self._write()  # raises when the events cannot be saved: then the run fails, and the host runs it again

    def _write_often(self) -> None:
        while not self._over.wait(1):
            with contextlib.suppress(OSError):  # the next second, or the last write, may do better
                self._write()

    def _write(self) -> None:
        from resources.dagster_internals import serialize_value

        events = list(self._events)
        if len(events) > self._written:
            text = _concealed(serialize_value(events), self._secrets)
            self._path.write_bytes(gzip.compress(text.encode()))
            self._written = len(events)


@contextlib.contextmanager
def _captured(folder: Path, secrets: list[str]) -> Iterator[None]:
    """Output still goes to the driver's log, whole; its end also goes to the staging folder."""
    out, err = _Tail(sys.stdout, secrets), _Tail(sys.stderr, secrets)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield
    finally:
        for name, tail in (("stdout", out), ("stderr", err)):
            with contextlib.suppress(OSError):  # what was printed must not decide how the step ends
                (folder / name).write_text(_concealed(tail.text(), secrets), encoding="utf-8")


class _Tail(io.TextIOBase):
    """Passes text through, without secrets, and remembers its end."""

    def __init__(self, through: Any, secrets: list[str]) -> None:
        self._through, self._secrets, self._kept, self._size = through, secrets, [""], 0

    def write(self, text: str) -> int:
        self._through.write(_concealed(text, self._secrets))
        self._kept.append(text[-_TAIL_CHARACTERS:])
        self._size += len(self._kept[-1])
        if self._size > 8 * _TAIL_CHARACTERS:
            self._kept = [self.text()]
            self._size = len(self._kept[0])
        return len(text)

    def flush(self) -> None:
        self._through.flush()

    def text(self) -> str:
        return "".join(self._kept)[-_TAIL_CHARACTERS:]


def _concealed(text: str, secrets: list[str]) -> str:
    """The text without the secrets' values, plain or as JSON writes them."""
    for value in secrets:
        for shown in (value, json.dumps(value)[1:-1]):
            text = text.replace(shown, "[REDACTED]")
    return text


def _runtime_dbutils() -> Any:
    from databricks.sdk.runtime import dbutils

    return dbutils


if __name__ == "__main__":
    main(Path(sys.argv[1]), globals().get("dbutils") or _runtime_dbutils())
