"""Standard output and error as they are met: closed, full, a pipe that ends early, a terminal without UTF-8."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

from ledger.errors import LedgerError
from ledger.shown import shown

_STANDARD_DESCRIPTORS = 3


class OutputError(LedgerError):
    """The command's words cannot be written; its work is done."""


def prepare() -> None:
    """A character that the terminal cannot show is escaped, never raised."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def keep_descriptors() -> None:
    """Standard descriptors that are closed are held, so that no file opened later is taken for the terminal."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < _STANDARD_DESCRIPTORS:
        pass
    os.close(descriptor)


def say(text: str) -> None:
    """Lines of text on standard output, each printable. A reader that has gone (``| head``) is no error.

    Raises :class:`OutputError` where it is closed, or full.
    """
    write("".join(f"{shown(line)}\n" for line in text.split("\n")))


def write(text: str) -> None:
    """As :func:`say`, as it is."""
    out = sys.stdout
    if out is None:
        raise OutputError("standard output is closed", action="open it, or send it to /dev/null")
    try:
        out.write(text)
        out.flush()
    except BrokenPipeError:
        _discard(out)
    except OSError as error:
        _discard(out)
        raise OutputError(f"standard output cannot be written: {error.strerror}") from None


def tell(text: str) -> None:
    """A printable line on standard error, where anybody reads it."""
    try:
        print(f"ledgerctl: {shown(text)}", file=sys.stderr, flush=True)
    except OSError:
        if sys.stderr is not None:
            _discard(sys.stderr)


def shows_styles() -> bool:
    """Whether standard output is a terminal with styles: a person reads it, not a program."""
    out = sys.stdout
    return out is not None and not out.closed and out.isatty() and os.environ.get("TERM") != "dumb"


def can_show(text: str) -> bool:
    """Whether standard output's encoding has every character of the text."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _discard(stream: TextIO) -> None:
    """Nobody reads it any more: what is still to come, and what Python flushes at its end, goes nowhere."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
