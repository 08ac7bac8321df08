"""Paths as every engine understands them: a folder with an unusual name is handed over as a link with a plain one.

No spelling of such a path is understood throughout. Measured on Sail 0.7.2: a table that is created under ``a b`` lies
under ``a%20b``, and a MERGE looks for it under ``a%2520b``; ``* ? [ ] { }`` are patterns, ``#`` and ``?`` end the
path, a backslash is a slash. Hadoop's paths know no ``:``. A link is what the file system itself offers, so the files
lie exactly where the settings say, and nowhere beside it.
"""

from __future__ import annotations

import atexit
import os
import re
import tempfile
import threading
from pathlib import Path

from ledger.delta import held_folders
from ledger.errors import SettingsError, StorageError

PLAIN = re.compile(r"[A-Za-z0-9_./-]*")
_OTHERWISE = re.compile(r"[%\\\x00-\x1f\x7f\ud800-\udfff]")
_PREFIX = "ledger-link-"
_LOCK = threading.Lock()
_LINKS: dict[str, str] = {}


def addressable(folder: str) -> str:
    """The folder by a path of letters, digits and ``_ . / -`` alone; itself when its path is that already.

    The link lives as long as the process, in a folder that only its user can enter; the folder need not exist yet.
    Raises :class:`SettingsError` when no place for the link has a plain name itself.
    """
    if PLAIN.fullmatch(folder):
        return folder
    with _LOCK:
        link = _LINKS.get(folder)
        if link is None or not os.path.islink(link):  # a cleaner of temporary files may have been there
            link = _LINKS[folder] = _new_link(folder)
        return link


def refuse_lost_link(folder: str, link: str) -> None:
    """Raises :class:`StorageError` when a link of :func:`addressable` is gone: an engine would make a folder there.

    Its name is never given twice, so one that is there after a write was there all the time.
    """
    if link != folder and not os.path.islink(link):
        raise StorageError(
            f"the link through which the engine knows {folder} is gone",
            file=link,
            action=f"keep cleaners of temporary files away from {_PREFIX}*, then run the same command again; it"
            " continues safely",
        )


def delta_rs_reads(folder: str) -> bool:
    """Whether delta-rs reads this very folder: it follows links, decodes ``%20``, takes a backslash for a slash."""
    return not _OTHERWISE.search(os.path.realpath(folder))


def _new_link(folder: str) -> str:
    for place in link_places():
        try:
            home = held_folders.new_folder(place, _PREFIX)
            os.symlink(folder, f"{home}/root")
        except OSError:
            continue
        atexit.register(_remove, home, os.getpid())
        return f"{home}/root"
    raise SettingsError(
        f"the engine cannot address {folder!r}, and there is no folder to link to it from",
        action="set TMPDIR to a writable folder whose path has letters, digits and _ . / - alone",
    )


def link_places() -> list[str]:
    """Folders that may hold links: temporary folders with plain names, the configured one first."""
    places = [tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm", str(Path.home())]
    return [place for place in dict.fromkeys(places) if PLAIN.fullmatch(place)]


def _remove(home: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked child ends before its parent does
        held_folders.drop(home)  # the link, never what it leads to


def sweep_links() -> None:
    """Remove the links that killed processes left behind."""
    for place in link_places():
        held_folders.sweep(place, _PREFIX)
