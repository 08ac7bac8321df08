"""Texts to Dagster: the only way of a text into its events, metadata, errors and log lines (spec section 10).

The UI renders descriptions and one kind of metadata as markdown, and makes links of addresses in log lines; and it acts
for whoever is signed in. So every text is made plain here, and rows go as a table, whose cells the UI shows as text.
``tests/orchestration/test_told.py`` walks the code and finds a place that is not told so.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from ledger.faults import first_line
from ledger.shown import plain

# Nothing else than an address can be one: no blank, quote, bracket or other scheme.
_ADDRESS = re.compile(
    r"https?://[\w.-]+(?::\d+)?(?:/[\w./~%-]*)?(?:\?[\w=&%./-]*)?(?:#[\w=&%./-]*)?", re.ASCII
)
_LONGEST_CELL = 500
_WHOLE = (
    *(dg.TableMetadataValue, dg.MarkdownMetadataValue, dg.JsonMetadataValue, dg.UrlMetadataValue),
    *(dg.TableColumnLineageMetadataValue, dg.TableSchemaMetadataValue, dg.TableSchema, dg.TableColumnLineage),
)


class OriginalError(Exception):
    """An error before it was put into our words: its kind and its first line, with its own traceback."""


def text(value: object, *, link: str | None = None) -> str:
    """A description, a message, a reason: plain, on one line. ``link``: the platform's address of it, kept whole."""
    if link is None:
        return plain(value)
    return f"{plain(value)} ({link if _ADDRESS.fullmatch(link) else plain(link)})"


def metadata(values: Mapping[str, object]) -> dict[str, Any]:
    """Metadata of any event: numbers as they are, what this module made as it is, everything else as plain text."""
    return {plain(name): _told(value) for name, value in values.items()}


def _told(value: object) -> Any:
    if isinstance(value, (bool, int, float, *_WHOLE)):
        return value
    if isinstance(value, dg.MetadataValue):
        inner = value.value
        return inner if isinstance(inner, (bool, int, float)) else plain(inner)
    return plain(value)


def table(names: Sequence[str], rows: Iterable[Mapping[str, object]]) -> dg.TableMetadataValue:
    """Rows under their column names, every cell a text (numbers stay numbers) that is cut when it is long."""
    columns = [plain(name) for name in names]
    records = [dg.TableRecord({plain(name): _cell(row[name]) for name in names}) for row in rows]
    schema = dg.TableSchema([dg.TableColumn(name) for name in columns])
    return dg.MetadataValue.table(records, schema=schema)


def _cell(value: object) -> str | int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    told = plain(value)
    return told if len(told) <= _LONGEST_CELL else f"{told[:_LONGEST_CELL]}... ({len(told):,} characters)"


def noted(value: object) -> dg.JsonMetadataValue:
    """A structure that another operation reads back: its texts are plain, too."""
    return dg.MetadataValue.json(_plain_parts(value))


def _plain_parts(value: object) -> Any:
    if isinstance(value, Mapping):
        return {plain(key): _plain_parts(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain_parts(part) for part in value]
    return value if value is None or isinstance(value, (bool, int, float)) else plain(value)


def picture(title: str, svg: str) -> dg.MarkdownMetadataValue:
    """The one markdown of ours: a title, and a picture that carries its own data and can load or run nothing."""
    data = base64.b64encode(svg.encode()).decode()
    return dg.MetadataValue.md(f"{plain(title)}\n\n![](data:image/svg+xml;base64,{data})")


def link(url: str) -> dg.UrlMetadataValue | str:
    """An address that the platform gave, not a table; anything else stays text."""
    return dg.MetadataValue.url(url) if _ADDRESS.fullmatch(url) else plain(url)


def original(error: BaseException) -> OriginalError:
    """The cause of a failure: where it was raised, without what it was raised with.

    An engine's error quotes statements and values over many lines, and Dagster would show them with all of its causes.
    """
    known = error if isinstance(error, OriginalError) else OriginalError(plain(first_line(error)))
    return known.with_traceback(error.__traceback__)
