"""The jobs and their parameters, as the code has them, for ``run --help``."""

from __future__ import annotations

import textwrap

from assets.retention import RetentionParameters
from assets.rules import SyncParameters
from ledger.parameters import RunParameters
from orchestration.jobs import JOB_OPS, all_jobs
from orchestration.launch import parameters_of

_INDENT = " " * 6


def jobs_text() -> str:
    """Every job that can be run, with what it does and the parameters it takes; then what these mean."""
    described = {job.name: " ".join((job.description or "").split()) for job in all_jobs()}
    lines = ["jobs:"]
    for job in JOB_OPS:
        lines += [f"  {job}", *_wrapped(described.get(job, ""))]
        lines += _wrapped(f"--params: {', '.join(parameters_of(job)) or 'none'}")
    lines += ["", "parameters (--params name=value,name=value):"]
    for model in (RunParameters, SyncParameters, RetentionParameters):
        for name, field in model.model_fields.items():
            lines.append(f"  {name:<30} {field.description}")
    return "\n".join(lines)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 108, initial_indent=_INDENT, subsequent_indent=_INDENT)
