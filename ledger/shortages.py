"""Shortages of a machine, or a limit of it, in an operator's words: descriptors, memory, threads."""

from __future__ import annotations

import errno
import resource

from ledger.errors import ShortageError

_NEEDED_FILES, _WANTED_FILES = 256, 4096
_NEEDED_BYTES = 2 << 30
_GIB = 1 << 30
_SAFE = "nothing that was not committed was written, the tables are whole"
_FILES = ("Too many open files",)
_MEMORY = (
    "Cannot allocate memory",
    "Resources exhausted",
    "failed to map segment",
    "memory allocation of",
    "can't start new thread",
    "Resource temporarily unavailable",
    "OutOfMemoryError",
)
_BOUNDS = (("ulimit -v", resource.RLIMIT_AS), ("ulimit -d", resource.RLIMIT_DATA))


def require(*, engine_mb: int = 0) -> None:
    """Raise a low limit of open files as far as this user may, and refuse limits that nothing can work under.

    Better at once than in the middle of a day: libraries end a process, or print their insides, when these run out.
    ``engine_mb``: what an engine will take besides. Raises :class:`ShortageError` with the limit and what is needed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, _WANTED_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < _NEEDED_FILES:
        raise ShortageError(
            f"this process may open {most} files at a time, and needs {_NEEDED_FILES}",
            action=f"ulimit -n {_WANTED_FILES}, then run the same command again; nothing was started",
        )
    needed = _NEEDED_BYTES + (engine_mb << 20)
    for name, kind in _BOUNDS:
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY and soft < needed:
            lower = f" or a lower spark.memory_mb (now {engine_mb})" if engine_mb else ""
            raise ShortageError(
                f"this process may use {soft / _GIB:.1f} GiB of memory ({name}), and needs {needed / _GIB:.1f}",
                action=f"{name} unlimited{lower}, then run the same command again; nothing was started",
            )


def shortage(error: BaseException) -> ShortageError | None:
    """The shortage that an error comes from, whoever raised it; None when it comes from something else."""
    number, text = getattr(error, "errno", None), str(error)
    if number in (errno.EMFILE, errno.ENFILE) or any(sign in text for sign in _FILES):
        return ShortageError(
            "no file descriptor is left",
            action=f"ulimit -n {_WANTED_FILES}, then run the same command again; {_SAFE}",
        )
    if isinstance(error, MemoryError) or number == errno.ENOMEM or any(sign in text for sign in _MEMORY):
        return ShortageError(
            f"memory or threads ran out ({type(error).__name__})",
            action="end other programs, raise the limit of memory and processes, or change spark.memory_mb, then run"
            f" the same command again; {_SAFE}",
        )
    return None


def is_panic(error: BaseException) -> bool:
    """Whether a library's Rust code broke down: Python is told with a BaseException of a class that cannot be named."""
    return type(error).__name__ == "PanicException"
