"""Sources of the settings, as pydantic-settings asks them: variables of the environment, and files of ``configs/``.

Its own sources are not used: they leave out a variable that no setting has, a file that is not there and a key that is
given twice, and read numbers as YAML 1.1 or JSON do. A slip in a setting has to stop the start instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from configs.text import Text, read_file
from ledger.errors import SettingsError

SETTING_PREFIX = "PIPELINE_CFG__"


class _Source(PydanticBaseSettingsSource):
    """Values as a whole: which of them are settings is for the validation to say."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        raise NotImplementedError("a source is asked for all of its values")

    def __call__(self) -> dict[str, Any]:
        values = self.values()
        if "environment" in values:
            raise SettingsError("settings are wrong: environment: it is set by PIPELINE_ENV alone")
        return values

    def values(self) -> dict[str, Any]:
        raise NotImplementedError


class Variables(_Source):
    """``PIPELINE_CFG__A__B``, as texts (``ledgerctl --set a.b=v`` sets it for a command)."""

    def __init__(self, settings: type[BaseSettings], environ: Mapping[str, str]) -> None:
        super().__init__(settings)
        self._environ = environ

    def values(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for variable, value in sorted(self._environ.items()):
            if variable.startswith(SETTING_PREFIX):
                _assign(found, variable.removeprefix(SETTING_PREFIX).lower().split("__"), Text(value))
        return found


class File(_Source):
    """A settings file; one that cannot be read is refused."""

    def __init__(self, settings: type[BaseSettings], path: Path) -> None:
        super().__init__(settings)
        self._path = path

    def values(self) -> dict[str, Any]:
        return read_file(self._path)


def _assign(into: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        step = into.setdefault(key, {})
        if not isinstance(step, dict):
            raise SettingsError(f"settings are wrong: {'.'.join(path)}: {key} is not a section")
        into = step
    into[path[-1]] = value
