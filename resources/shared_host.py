"""Who else is on this machine, and keeping what we write from them."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

# First uid of people's accounts on Linux distributions (UID_MIN of login.defs); services are below.
_FIRST_PERSON = 1000
_NOBODY = 65534
_NO_LOGIN = ("nologin", "false", "sync", "halt", "shutdown", "")


def other_people() -> list[str]:
    """Other users who can, or do, run programs here: accounts with a login shell, and owners of processes.

    Services and root do not count: the first are the machine's own, from root nothing can be kept.
    """
    people = {
        user.pw_uid: user.pw_name
        for user in pwd.getpwall()
        if Path(user.pw_shell or "").name not in _NO_LOGIN
    }
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            uid = folder.stat().st_uid
        except OSError:
            continue  # it has ended
        people.setdefault(uid, f"uid {uid}")
    return [
        name
        for uid, name in sorted(people.items())
        if uid >= _FIRST_PERSON and uid not in (_NOBODY, os.getuid())
    ]


def keep_files_private() -> None:
    """Files that this process and its children create from now on are its user's alone: files 0600, folders 0700."""
    os.umask(os.umask(0o077) | 0o077)
