"""Output for a person at a terminal, drawn by rich. Every other reader gets plain text: see :func:`terminal.shows_styles`.

Values are data: they are shown as they are, never taken for markup, and no character of one is left out.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from ledger.shown import shown
from operations.values import as_text

_BETWEEN = 2  # columns of the terminal between two of a table
_GOOD, _BAD, _MIDDLING = "green", "bold red", "yellow"
# Only columns whose words are ours: a wallet may be called anything.
_STYLES: Mapping[str, Mapping[str, str]] = {
    "verdict": {
        "adds_up": _GOOD,
        "does_not_add_up": _BAD,
        "failed": _BAD,
        "due": _MIDDLING,
        "no_data": _MIDDLING,
        "not_controlled": _MIDDLING,
    },
    "status": {"failed": _BAD, "superseded": "dim", "withdrawn": "dim"},
    "severity": {"CRITICAL": _BAD, "WARN": _MIDDLING},
    "outcome": {"failed": _BAD},
}


def table(names: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Rows under their column names, as wide as the terminal where sentences can be wrapped.

    A word stays in one piece (an identifier, an amount, an instant), also where the terminal has to break the line.
    """
    lines = [[shown(as_text(row[name])) for name in names] for row in rows]
    drawn = Table(box=None, pad_edge=False, padding=(0, _BETWEEN, 0, 0), header_style="bold")
    widths = _widths([[shown(name) for name in names], *lines])
    for name, width in zip(names, widths, strict=True):
        drawn.add_column(Text(shown(name)), width=width, overflow="fold")
    for line in lines:
        drawn.add_row(*[Text(cell, _style(name, cell)) for name, cell in zip(names, line, strict=True)])
    return _drawn(drawn, sum(widths) + _BETWEEN * len(widths))


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    """Columns of the terminal for each column of the table: the widest give way first, none below its longest word."""
    columns = list(zip(*lines, strict=True))
    widths = [max(map(cell_len, column)) for column in columns]
    least = [max(cell_len(word) for cell in column for word in cell.split(" ")) for column in columns]
    room = shutil.get_terminal_size().columns - _BETWEEN * (len(columns) - 1)
    for _ in range(sum(widths) - room):
        widest = max(range(len(widths)), key=lambda n: (widths[n] > least[n], widths[n]))
        widths[widest] = max(widths[widest] - 1, least[widest])
    return widths


def headed(text: str, *, is_good: bool) -> str:
    """Lines of which the first says how it stands."""
    first, _, others = shown_lines(text).partition("\n")
    return _drawn(Text.assemble((first, _GOOD if is_good else _BAD), "\n", others))


def help_text(text: str) -> str:
    """A help, whose headings and options stand out."""
    found = Text(text.rstrip("\n"))
    found.highlight_regex(r"(?m)^usage:|^[a-z ]+:$", "bold")
    found.highlight_regex(r"(?<![\w-])--?[a-z][a-z-]*", "cyan")
    return _drawn(found)


def shown_lines(text: str) -> str:
    """Each line printable."""
    return "\n".join(map(shown, text.split("\n")))


def _style(name: str, cell: str) -> str:
    return _STYLES.get(name, {}).get(cell, "")


def _drawn(what: RenderableType, width: int | None = None) -> str:
    """As a terminal of this width gets it; a text is never wrapped, whatever the width."""
    console = Console(
        file=io.StringIO(), force_terminal=True, width=width, highlight=False, legacy_windows=False
    )
    with console.capture() as capture:
        console.print(what, crop=False, soft_wrap=isinstance(what, Text))
    return capture.get()
