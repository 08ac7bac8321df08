"""``python -m benchmarks.run``: ``ledgerctl day`` held against the same day hand-written in DuckDB.

Both read the same generated landing files, each in a process of its own, one after the other, so that whatever else
loads the machine loads both. Their tables are compared before any ratio is printed.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb
from deltalake import DeltaTable

from benchmarks.baseline_duckdb import SCHEMAS
from mock_data.generator import generate

ROOT = Path(__file__).resolve().parent.parent
RATIO_TARGET, MEMORY_TARGET_MB, SMALL_TARGET_SEC = 2.0, 3 * 1024, 15.0
SMALL_ENTRIES, SMALL_USERS = 6_000, 240
_PROGRESS = re.compile(r"^\[\d+:\d\d:\d\d\] (?P<text>.*)$")
_SHOWN_STEPS = 12


@dataclass(frozen=True)
class Measured:
    """One process: wall and CPU seconds, peak resident MB, and its progress lines with their arrival in seconds."""

    wall_sec: float
    cpu_sec: float
    peak_mb: float
    lines: tuple[tuple[float, str], ...] = ()


@dataclass
class Spans:
    """Time of a day by its parts: seconds per job, and per step (the time that ended with a progress line)."""

    jobs: dict[str, float] = field(default_factory=dict)
    steps: list[tuple[float, str, str]] = field(default_factory=list)


def main() -> int:
    """Exit 0 when every target is met, 1 when one is missed, whatever else runs on the machine."""
    arguments = _parser().parse_args()
    folder = Path(arguments.keep or tempfile.mkdtemp(prefix="ledger-bench-")).resolve()
    try:
        return _small(folder, arguments) if arguments.small else _compare(folder, arguments)
    finally:
        if not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=__doc__)
    parser.add_argument("--entries", type=int, default=500_000, help="ledger entries of the day")
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="runs of either side, alternating")
    parser.add_argument(
        "--day", type=date.fromisoformat, default=date(2026, 2, 1), metavar="D", help="KST day"
    )
    parser.add_argument(
        "--keep", metavar="DIR", help="work here and keep it; landing files found there are reused"
    )
    parser.add_argument("--small", action="store_true", help="only the 6,000-entry day, from process start")
    return parser


# -- the two benchmarks -------------------------------------------------------------------------------------------


def _compare(folder: Path, arguments: argparse.Namespace) -> int:
    landing = _landing(folder, arguments.day, arguments.users, arguments.entries)
    baseline, product = [], []
    for turn in range(arguments.repeat):
        print(f"turn {turn + 1} of {arguments.repeat}, load average {os.getloadavg()[0]:.1f}")
        baseline.append(_baseline(folder, landing, arguments.day))
        product.append(_product(folder, landing, arguments.day))
    rows = _assert_same_day(folder / "baseline", folder / "warehouse")
    ratios = [p.wall_sec / b.wall_sec for b, p in zip(baseline, product, strict=True)]
    ratio = statistics.median(ratios)
    peak_mb = max(p.peak_mb for p in product)
    print(f"\nthe same {rows:,} rows and the same sums of money in {len(SCHEMAS)} tables; {_machine()}\n")
    print(f"{'':<12}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}")
    for name, runs in (("duckdb", baseline), ("ledgerctl", product)):
        for run in runs:
            print(f"{name:<12}{run.wall_sec:>9.1f}{run.cpu_sec:>9.1f}{run.peak_mb:>9,.0f}")
    cpu_ratio = statistics.median(p.cpu_sec / b.cpu_sec for b, p in zip(baseline, product, strict=True))
    print(f"{'ratio':<12}{ratio:>9.2f}{cpu_ratio:>9.2f}    (median)\n")
    _print_spans(spans(product[-1]))
    missed = [f"ratio {ratio:.2f} is above {RATIO_TARGET}"] if ratio > RATIO_TARGET else []
    missed += [f"{peak_mb:,.0f} MB are above {MEMORY_TARGET_MB:,}"] if peak_mb > MEMORY_TARGET_MB else []
    return _verdict(missed, f"ratio {ratio:.2f} <= {RATIO_TARGET}, {peak_mb:,.0f} MB <= {MEMORY_TARGET_MB:,}")


def _small(folder: Path, arguments: argparse.Namespace) -> int:
    landing = _landing(folder, arguments.day, SMALL_USERS, SMALL_ENTRIES)
    runs = []
    for turn in range(arguments.repeat):
        print(f"turn {turn + 1} of {arguments.repeat}, load average {os.getloadavg()[0]:.1f}")
        runs.append(_product(folder, landing, arguments.day))
    print(f"\nledgerctl day, {SMALL_ENTRIES:,} entries, from process start; {_machine()}\n")
    print(f"{'wall s':>9}{'CPU s':>9}{'peak MB':>9}")
    for run in runs:
        print(f"{run.wall_sec:>9.1f}{run.cpu_sec:>9.1f}{run.peak_mb:>9,.0f}")
    print()
    _print_spans(spans(runs[-1]))
    wall_sec = statistics.median(run.wall_sec for run in runs)
    missed = [f"{wall_sec:.1f} s are above {SMALL_TARGET_SEC} s"] if wall_sec > SMALL_TARGET_SEC else []
    return _verdict(missed, f"{wall_sec:.1f} s <= {SMALL_TARGET_SEC} s")


def _landing(folder: Path, day: date, users: int, entries: int) -> Path:
    landing = folder / f"landing-{day}-{users}-{entries}"
    if landing.exists():
        return landing
    partial = landing.with_name(landing.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    report = generate(partial, day, 1, users, entries, 1)
    size_mb = sum(file.stat().st_size for file in partial.rglob("*.jsonl")) / 1e6
    print(f"generated {report.rows:,} records, {size_mb:,.0f} MB of JSON lines")
    partial.replace(landing)
    return landing


# -- measuring ----------------------------------------------------------------------------------------------------


def _baseline(folder: Path, landing: Path, day: date) -> Measured:
    target = folder / "baseline"
    shutil.rmtree(target, ignore_errors=True)
    command = [
        "benchmarks.baseline_duckdb",
        "--landing",
        str(landing),
        "--target",
        str(target),
        "--day",
        str(day),
    ]
    return _measure(command, os.environ)


def _product(folder: Path, landing: Path, day: date) -> Measured:
    for name in ("warehouse", "dagster"):
        shutil.rmtree(folder / name, ignore_errors=True)
    environment = {
        **os.environ,
        "PIPELINE_CFG__LAKEHOUSE__WAREHOUSE": str(folder / "warehouse"),
        "PIPELINE_CFG__LAKEHOUSE__LANDING": str(landing),
        "DAGSTER_HOME": str(folder / "dagster"),
    }
    return _measure(["orchestration.cli", "day", str(day), "--run-id", "bench"], environment)


def _measure(module: Sequence[str], environment: Mapping[str, str]) -> Measured:
    """Run ``python -m module`` and reap it, then its engine: CPU seconds and peaks of both are added up."""
    _adopt_orphans()
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", *module],
        cwd=ROOT,
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None, "it was asked for"
    lines = [(time.monotonic() - started, line.rstrip("\n")) for line in process.stderr]
    _, status, usage = os.wait4(process.pid, 0)
    wall_sec = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit("\n".join([f"{' '.join(module)} failed:", *[text for _, text in lines[-20:]]]))
    usages = [usage, *_reaped()]
    cpu_sec = sum(used.ru_utime + used.ru_stime for used in usages)
    return Measured(wall_sec, cpu_sec, sum(used.ru_maxrss for used in usages) / 1024, tuple(lines))


def _adopt_orphans() -> None:
    """The engine outlives its command by a moment, and is then ours to reap (``PR_SET_CHILD_SUBREAPER``)."""
    if ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0) != 0:
        raise SystemExit("this system does not let a benchmark reap the engine of its command")


def _reaped() -> Iterator[resource.struct_rusage]:
    """Resources of every further process that ends, until there is none."""
    with suppress(ChildProcessError):
        while True:
            yield os.wait4(-1, 0)[2]


def spans(run: Measured) -> Spans:
    """Seconds per job and per step from the progress lines ``[h:mm:ss] text``; a job ends with ``<job> done``."""
    found, last_sec, opened, job = Spans(), 0.0, 0.0, "start"
    for at_sec, line in run.lines:
        match = _PROGRESS.match(line)
        if match is None:
            continue
        text = match["text"]
        if text.endswith(" ..."):
            found.jobs["(between)"] = found.jobs.get("(between)", 0.0) + at_sec - last_sec
            opened, job = at_sec, text.removesuffix(" ...").split(" ")[0]
        elif text == "done" or text.endswith(" done"):
            found.jobs[job] = found.jobs.get(job, 0.0) + at_sec - opened
        if not text.endswith(" ..."):
            found.steps.append((at_sec - last_sec, job, text))
        last_sec = at_sec
    found.jobs["(between)"] = found.jobs.get("(between)", 0.0) - (start := _first_sec(run))
    return Spans({"(start)": start, **found.jobs, "(summary)": run.wall_sec - last_sec}, found.steps)


def _first_sec(run: Measured) -> float:
    return next((at_sec for at_sec, line in run.lines if _PROGRESS.match(line)), 0.0)


def _print_spans(found: Spans) -> None:
    total = sum(found.jobs.values())
    for job, seconds in found.jobs.items():
        print(f"  {job:<34}{seconds:>8.1f} s{seconds / total:>7.0%}")
    print("\n  the longest steps (what ended with this line)")
    for seconds, job, text in sorted(found.steps, reverse=True)[:_SHOWN_STEPS]:
        print(f"  {seconds:>6.1f} s  {job:<34}{text}")
    print()


# -- verdict ------------------------------------------------------------------------------------------------------


def _assert_same_day(baseline: Path, warehouse: Path) -> int:
    """Both sides hold the same rows and the same sums of money in every table; the number of rows."""
    total = 0
    for name, schema in SCHEMAS.items():
        expected, found = (_figures(root / schema / name) for root in (baseline, warehouse))
        assert expected == found, f"{schema}.{name}: baseline {expected}, product {found}"
        total += int(str(expected[0]))
    return total


def _figures(path: Path) -> tuple[object, ...]:
    """(rows, then the sum of every decimal column, by name)."""
    rows = DeltaTable(str(path)).to_pyarrow_dataset()
    money = sorted(f.name for f in rows.schema if str(f.type).startswith("decimal"))
    sums = "".join(f', sum("{name}")' for name in money)
    return tuple(duckdb.connect().from_arrow(rows).aggregate(f"count(*){sums}").fetchall()[0])


def _machine() -> str:
    return f"{date.today()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}"


def _verdict(missed: Sequence[str], met: str) -> int:
    print("MISSED: " + "; ".join(missed) if missed else f"met: {met}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
