"""What a person at a terminal sees, drawn by rich. Every other reader gets plain text: see :func:`terminal.shows_styles`.

Values are data: they are shown as they are, never taken for markup, and no character of one is left out.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ledger.shown import shown
from operations.values import as_text

_WHOLE = 10**6  # columns: nothing is wrapped for want of room
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

    An identifier, an amount or an instant stays in one piece, also where the terminal has to break the line.
    """
    lines = [[shown(as_text(row[name])) for name in names] for row in rows]
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, name in enumerate(names):
        is_sentence = any(" " in line[number] for line in lines)
        drawn.add_column(Text(shown(name)), no_wrap=not is_sentence, overflow="fold")
    for line in lines:
        drawn.add_row(*[Text(cell, _style(name, cell)) for name, cell in zip(names, line, strict=True)])
    console = _console(_WHOLE)
    least = Measurement.get(console, console.options, drawn).minimum
    return _drawn(drawn, max(shutil.get_terminal_size().columns, least))


def headed(text: str, *, is_good: bool) -> str:
    """Lines of which the first says how it stands."""
    first, _, others = shown_lines(text).partition("\n")
    return _drawn(Text.assemble((first, _GOOD if is_good else _BAD), "\n", others), _WHOLE)


def help_text(text: str) -> str:
    """A help, whose headings and options stand out."""
    found = Text(text.rstrip("\n"))
    found.highlight_regex(r"(?m)^usage:|^[a-z ]+:$", "bold")
    found.highlight_regex(r"(?<![\w-])--?[a-z][a-z-]*", "cyan")
    return _drawn(found, _WHOLE)


def shown_lines(text: str) -> str:
    """Each line printable."""
    return "\n".join(map(shown, text.split("\n")))


def _style(name: str, cell: str) -> str:
    return _STYLES.get(name, {}).get(cell, "")


def _console(width: int) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=True, width=width, highlight=False, legacy_windows=False
    )


def _drawn(what: RenderableType, width: int) -> str:
    console = _console(width)
    with console.capture() as capture:
        console.print(what, crop=False, soft_wrap=isinstance(what, Text))
    return capture.get()
