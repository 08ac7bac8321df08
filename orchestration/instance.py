"""Opening the Dagster instance of ``DAGSTER_HOME``, whole: also the first time, killed half-way, or twice at once."""

from __future__ import annotations

import fcntl
import glob
import logging
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from configs.settings import ROOT, load_settings
from ledger.errors import SettingsError
from ledger.shown import escape_log_records, shown
from orchestration.jobs import POOLS
from resources.dagster_internals import InstanceRef, SqlEventLogStorageMetadata
from resources.shared_host import keep_files_private

INSTANCE_FILES = {"sqlite": "dagster.yaml", "postgresql": "dagster.prod.yaml"}
POSTGRES_VARIABLES = tuple(f"LEDGER_PG_{name}" for name in ("HOST", "PORT", "DATABASE", "USER", "PASSWORD"))
_DEFAULT_DAGSTER_HOME = ROOT / ".data" / "dagster"
_CONFIG, _LOCK, _COMPLETE = "dagster.yaml", ".ledger-lock", ".ledger-complete"
_NO_CAPTURE = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
}
logger = logging.getLogger("ledger.instance")


def dagster_instance() -> dg.DagsterInstance:
    """The instance of ``DAGSTER_HOME``, which is created with the project's ``dagster.yaml`` when it is new.

    Raises :class:`SettingsError` naming ``DAGSTER_HOME`` when no instance can be there.
    """
    storage = load_settings().orchestration.instance_storage
    missing = [name for name in POSTGRES_VARIABLES if storage == "postgresql" and not os.environ.get(name)]
    if missing:
        raise SettingsError(
            f"orchestration.instance_storage is postgresql, but {', '.join(missing)} is not set",
            action="set it in the environment (docs/runbook.md, section 2)",
        )
    home = _home()
    with _one_at_a_time(home):
        _write_config(home, ROOT / INSTANCE_FILES[storage])
        if not (home / _COMPLETE).exists():
            _remove_half_made(home)
            with _opened(home) as instance:
                _mark_indexes(instance)
            (home / _COMPLETE).touch()
        instance = _opened(home)
        _limit_pools(instance)
        return instance


def _home() -> Path:
    """The folder, made when it is new; the variable is set to its absolute path for whoever reads it next."""
    given = os.environ.get("DAGSTER_HOME", "").strip() or str(_DEFAULT_DAGSTER_HOME)
    home = Path.cwd() / Path(given).expanduser()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise _wrong_home(home, "is not a folder") from None
    except OSError as error:
        raise _wrong_home(home, f"cannot be made: {error.strerror}") from None
    if not os.access(home, os.W_OK | os.X_OK):
        raise _wrong_home(home, "cannot be written to")
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def _wrong_home(home: Path, what: str) -> SettingsError:
    return SettingsError(f"DAGSTER_HOME={home} {what}", action="set it to a folder that you may write to")


@contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    """A second process finds the first one's work. The lock ends with its process, however that ends."""
    try:
        lock = (home / _LOCK).open("a")
    except OSError as error:
        raise _wrong_home(home, f"cannot be written to: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("waits until another process has opened %s", home)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write_config(home: Path, ours: Path) -> None:
    """Put our file there, whole or not at all, where there is none or one that a full disk cut off.

    Raises :class:`SettingsError` for a file of the operator's that cannot be read: it is not ours to replace.
    """
    path, wanted = home / _CONFIG, ours.read_bytes()
    try:
        found = path.read_bytes() if path.exists() else None
    except OSError as error:
        raise _wrong_home(home, f"has a {_CONFIG} that cannot be read: {error.strerror}") from None
    if found == wanted:
        return
    if found is not None and found.strip() and not (wanted.startswith(found)):
        _check_config(path, found)
        return
    if found is not None:
        logger.warning(
            "%s was cut off (a full disk, or a killed start); it is replaced by the project's", path
        )
    fresh = home / f".{_CONFIG}.new"
    try:
        with fresh.open("wb") as file:
            file.write(wanted)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise _wrong_home(home, f"cannot be written to: {error.strerror}") from None


def _check_config(path: Path, content: bytes) -> None:
    try:
        if isinstance(yaml.safe_load(content), dict):
            return
        problem = "it is no mapping"
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
    raise SettingsError(
        f"DAGSTER_HOME has a {path} that is no Dagster configuration: {problem}",
        action="mend it, or remove it and it is made anew",
    )


def _remove_half_made(home: Path) -> None:
    """Databases whose making was cut short are made anew; never those of an instance that has runs."""
    half_made = [path for path in sorted(home.rglob("*.db")) if not _is_whole(path)]
    if half_made and _has_runs(home):
        names = ", ".join(str(path.relative_to(home)) for path in half_made)
        raise SettingsError(
            f"DAGSTER_HOME={home} has runs, but {names} is not whole",
            action="restore the folder, or move it away and a new one is made; the tables are not touched by either",
        )
    for path in half_made:
        logger.warning("%s was half made by a start that was killed; it is made anew", path)
        for file in path.parent.glob(f"{path.name}*"):  # its log and shared memory, too
            file.unlink()


def _is_whole(path: Path) -> bool:
    """Whether every table is there, and the one stamp that Dagster sets last (two starts at once left two of them)."""
    stamps = _ask(path, "SELECT count(*) FROM alembic_version")
    if path.name == "event_log.db":  # its stamp is never committed
        tables = [f"(SELECT count(*) FROM {name})" for name in SqlEventLogStorageMetadata.tables]
        return stamps in (0, 1) and _ask(path, f"SELECT {' + '.join(tables)}") is not None
    return stamps == 1


def _has_runs(home: Path) -> bool:
    return any(_ask(path, "SELECT count(*) FROM runs") for path in home.rglob("runs.db"))


def _ask(path: Path, query: str) -> int | None:
    """The number that the query gives; None when the database cannot answer it."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            return int(connection.execute(query).fetchone()[0])
    except sqlite3.DatabaseError:
        return None


def _opened(home: Path) -> dg.DagsterInstance:
    """Without capture: the operator reads this process's own output, and capturing starts two processes a step."""
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    ref = InstanceRef.from_dir(
        str(home),
        config_filename=glob.escape(str(home / _CONFIG)),  # Dagster takes the file's path for a pattern
        overrides=_NO_CAPTURE,
    )
    return dg.DagsterInstance.from_ref(ref)


def _mark_indexes(instance: dg.DagsterInstance) -> None:
    """The last step of making Dagster's databases, which a killed start may have left out; nothing where it is done."""
    events: Any = instance.event_log_storage
    for step in (events.reindex_events, events.reindex_assets, instance.run_storage.migrate):
        step()
    if instance.schedule_storage is not None:
        instance.schedule_storage.migrate()


def _limit_pools(instance: dg.DagsterInstance) -> None:
    """The daemon does not limit a pool that it sees for the first time (docs/decisions.md, D-094)."""
    events = instance.event_log_storage
    for pool in sorted({*POOLS} - events.get_concurrency_keys()):
        events.initialize_concurrency_limit_to_default(pool)


def main() -> int:
    """For ``make ui``: the web server and the daemon must find a whole instance. They take its path for a pattern."""
    keep_files_private()
    escape_log_records()
    logging.basicConfig(format="%(message)s")
    try:
        with dagster_instance() as instance:
            home = instance.root_directory
        if home != glob.escape(home):
            raise SettingsError(
                f"DAGSTER_HOME={home}: Dagster's web server and daemon take [ ] * ? for a pattern",
                action="give the folder another name (ledgerctl alone can use it)",
            )
    except SettingsError as error:
        print(shown(error), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
