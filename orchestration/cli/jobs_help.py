"""The jobs and their parameters, for ``run --help``."""

from __future__ import annotations

import textwrap

from ledger.jobs import JOBS, PARAMETERS

_INDENT = " " * 6


def jobs_text() -> str:
    """Every job that can be run, with what it does and the parameters it takes; then what these mean."""
    lines = ["jobs:"]
    for name, job in JOBS.items():
        lines += [f"  {name}", *_wrapped(job.description)]
        lines += _wrapped(f"--params: {', '.join(job.parameters) or 'none'}")
    lines += ["", "parameters (--params name=value,name=value):"]
    lines += [f"  {name:<30} {meaning}" for name, meaning in PARAMETERS.items()]
    return "\n".join(lines)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 108, initial_indent=_INDENT, subsequent_indent=_INDENT)
