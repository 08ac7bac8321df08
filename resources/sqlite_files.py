"""SQLite files of a laptop's Dagster instance, in folders of any name (``dagster.yaml`` names these classes).

Dagster makes a database's URL by putting texts together: in a folder with ``%`` or ``?`` it then opens another file,
or none. Here the URL is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as db

from resources.dagster_internals import ConfigurableClassData, sqlite_run_storage, sqlite_schedule_storage

RUNS, SCHEDULES = "history", "schedules"  # the folders that Dagster itself would take


def database_url(base_dir: str, db_name: str) -> str:
    """The URL of the SQLite file ``db_name`` in the folder ``base_dir``."""
    return db.URL.create(
        "sqlite", database=str(Path(base_dir).absolute() / f"{db_name}.db")
    ).render_as_string()


# Both look the function up in their own module, and offer no other way to say which file.
for _module in (sqlite_run_storage, sqlite_schedule_storage):
    setattr(_module, "create_db_conn_string", database_url)  # noqa: B010  # no attribute of theirs for the type checker


class RunStorage(sqlite_run_storage.SqliteRunStorage):
    """Runs, in ``history/runs.db``."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Any:
        return cls.from_local(str(Path(config_value["base_dir"]) / RUNS), inst_data)


class ScheduleStorage(sqlite_schedule_storage.SqliteScheduleStorage):
    """Schedules and sensors, in ``schedules/schedules.db``."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Any:
        return cls.from_local(str(Path(config_value["base_dir"]) / SCHEDULES), inst_data)
