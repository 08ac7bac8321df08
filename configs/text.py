"""Settings as text: what the environment and the command line give, and YAML files without YAML 1.1's surprises."""

from __future__ import annotations

import re
import types
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from ledger.errors import SettingsError

_WHOLE = re.compile(r"-?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Text(str):
    """A value of the environment or the command line: the field that it is for decides what it means."""

    __slots__ = ()


class Section(BaseModel):
    """A part of the settings: no unknown key, no value of another type, texts read as their field's type."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(extra="forbid", frozen=True, strict=True)

    @field_validator("*", mode="before")
    @classmethod
    def _from_text(cls, value: Any, info: ValidationInfo) -> Any:
        kind = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, Text):
            return meaning(str(value), kind)
        return _day(value) if kind is date and isinstance(value, str) else value


def meaning(text: str, kind: Any) -> Any:
    """The value of ``text`` in a field of type ``kind``; raises ValueError with what is wrong.

    A text field takes its text as it stands. Numbers are plain digits, days ``YYYY-MM-DD``; lists and mappings are
    JSON or YAML; an optional field is empty by ``null`` or nothing.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return meaning(text, parts[0])
    if origin in (Union, types.UnionType):
        wanted = next(part for part in parts if part is not type(None))
        return None if text.strip() in ("", "null") else meaning(text, wanted)
    if kind is bool:
        return _matched(text, re.compile("true|false"), "true or false") == "true"
    if kind is int:
        return int(_matched(text, _WHOLE, "a whole number in plain digits, such as 10"))
    if kind is float:
        return float(_matched(text, _DECIMAL, "a number in plain digits, such as 10 or 0.5"))
    if kind is date:
        return _day(text)
    if origin in (dict, list):
        return _structure(text)
    if kind is str and not text.strip():
        raise ValueError("it is blank")
    return text if kind is str or origin is Literal else Text(text)


def _matched(text: str, pattern: re.Pattern[str], what: str) -> str:
    if pattern.fullmatch(text):
        return text
    hint = ""
    if re.fullmatch(r"-?0[0-9]+", text):
        hint = ": a leading zero means octal to some readers, leave it out"
    raise ValueError(f"{text!r} is not {what}{hint}")


def _day(text: str) -> date:
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a day such as 2026-02-01") from None


def _structure(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_Strict)  # a SafeLoader
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{text!r} is neither JSON nor YAML: {_one_line(error)}") from None


def read_file(path: Path) -> dict[str, Any]:
    """A settings file; raises :class:`SettingsError` naming it."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Strict) or {}  # a SafeLoader
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise SettingsError(
            f"settings are wrong: configs/{path.name} cannot be read: {_one_line(error)}",
            action="correct the file",
        ) from None
    if not isinstance(content, dict):
        raise SettingsError(f"settings are wrong: configs/{path.name} is not a mapping")
    return content


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


class _Strict(yaml.SafeLoader):
    """YAML's core schema: 010, 1:30, 1_0, yes and 2026-13-01 are texts, which no number or date field takes."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # PyYAML's own name

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [self.construct_object(key) for key, _ in node.value]
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise yaml.constructor.ConstructorError(None, None, f"{repeated} is given twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)


for _tag, _pattern, _first in (
    ("null", r"null|~|", ["n", "~", ""]),
    ("bool", r"true|false", list("tf")),
    ("int", _WHOLE.pattern, list("-0123456789")),
    ("float", r"-?(0|[1-9][0-9]*)\.[0-9]+", list("-0123456789")),
):
    _Strict.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), _first)
