"""Independent work of one run, a few pieces at a time: the engine has more cores than one small query uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_WORKERS = 3


def side_by_side(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """The results in the order of the tasks.

    All tasks end before this returns, so that nothing is still written afterwards; then the first task's error,
    in their order, is raised.
    """
    if len(tasks) < 2:
        return [task() for task in tasks]
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="side-by-side") as pool:
        running = [pool.submit(task) for task in tasks]
    return [future.result() for future in running]
