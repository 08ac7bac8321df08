"""The command line itself: its helps, its refusals in one line, and what it leaves unimported. Pure."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
import pytest

from assets.retention import RetentionParameters
from assets.rules import SyncParameters
from configs.settings import ROOT
from ledger.jobs import JOBS, PARAMETERS
from ledger.parameters import RunParameters
from orchestration.cli.command import CommandGroup, Helped
from orchestration.cli.commands import LEDGERCTL
from orchestration.jobs import JOB_OPS, all_jobs
from tests.support import Home, ledgerctl

HEAVY = ("dagster", "pyspark", "pysail", "deltalake", "pandas", "pyarrow", "rich")


def commands() -> Iterator[tuple[tuple[str, ...], Helped]]:
    """Every command with the words that name it."""
    yield (), LEDGERCTL
    for name, command in LEDGERCTL.commands.items():
        assert isinstance(command, Helped)
        yield (name,), command
        for action, below in command.commands.items() if isinstance(command, CommandGroup) else ():
            assert isinstance(below, Helped)
            yield (name, action), below


HELPS = [[*words, "--help"] for words, _ in commands()]
REFUSED = [
    [],
    ["fly"],
    ["day", "soon"],
    ["day", "2026-02-10", "--nope"],
    ["run", "pipeline_z"],
    ["run", "pipeline_b_controls", "--partition", "soon"],
    ["run", "pipeline_b_controls", "--params", "seed=1"],
    ["backfill", "--from", "2026-02-11", "--to", "2026-02-10"],
    ["backfill", "--from", "2026-02-10", "--to", "2026-02-11", "--job", "bronze_ingest"],
    ["show", "gold.pipeline_state", "--date", "soon"],
    ["show", "gold.pipeline_state", "--limit", "many"],
    ["verdict", "2999-12-31"],
    ["verdicts", "--from", "2026-02-11", "--to", "2026-02-10"],
    ["watermark", "pipeline_z", "--to", "2026-02-10T15:00:00Z", "--by", "kim", "--reason", "x"],
    ["landing", "--status", "lost"],
    ["mock", "--from", "2026-02-30"],
    ["state", "--set", "lookback_days=many"],
]


def test_help_and_bad_usage_import_neither_spark_nor_dagster() -> None:
    """INV-28: they answer at once. One process asks for all of them, and says after which one a package was there."""
    script = f"""
import contextlib, io, json, sys
from orchestration.cli import main
ended = []
for words in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    found = [name for name in {HEAVY!r} if name in sys.modules]
    ended.append((code, len(err.getvalue().splitlines()), found))
print(json.dumps(ended))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps([*HELPS, *REFUSED])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    ended = json.loads(done.stdout)
    assert ended == [[0, 0, []]] * len(HELPS) + [[2, 1, []]] * len(REFUSED)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "COMMAND: missing; one of run, day, "),
        (("dya",), "'dya': no such command -> one of run, day, "),
        (("\x1b[2J",), r"'\x1b[2J': no such command"),
        (("mock",), "--from: missing -> ledgerctl mock --help"),
        (("show",), "table: missing -> ledgerctl show --help"),
        (("day", "2026-02-10", "--nope"), "--nope: no such option -> ledgerctl day --help lists the options"),
        (("run", "ledger_health", "--part", "x"), "--part: no such option -> did you mean --partition?"),
        (("show", "x", "--limit"), "'--limit' requires an argument -> ledgerctl show --help"),
        (("show", "x", "--limit", "0"), "--limit: 0 is not a positive number -> ledgerctl show --help"),
        (("show", "x", "--json=1"), "'--json' does not take a value -> ledgerctl show --help"),
        (("day", "2026-02-10", "2026-02-11"), "extra argument (2026-02-11) -> ledgerctl day --help"),
        (("landing", "fly"), "'fly': no such command -> one of withdraw, drop-columns; ledgerctl landing"),
        (("quarantine", "--reason", "--json"), "'--reason' needs a value, --json is an option"),
    ],
)
def test_a_refusal_is_one_line_that_names_the_argument_and_what_to_do(
    home: Home, arguments: tuple[str, ...], said: str
) -> None:
    """INV-28"""
    done = ledgerctl(*arguments)
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("ledgerctl: ")
    assert said in line


@pytest.mark.parametrize(
    ("words", "command"), commands(), ids=lambda v: " ".join(v) if isinstance(v, tuple) else ""
)
def test_every_parameter_is_explained_with_an_example(words: tuple[str, ...], command: Helped) -> None:
    done = ledgerctl(*words, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"usage: {' '.join(('ledgerctl', *words))} ")
    assert "..." not in done.out.partition("\n")[2].partition("examples:")[0], "nothing is cut"
    assert command.examples
    for param in command.params:
        assert isinstance(param, click.Option | click.Argument)
        assert param.help, param.name
        assert max(param.opts, key=len) in done.out
    assert ledgerctl(*words, "-h").out == done.out


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command whose arguments are accepted ends before it does anything."""

    @contextmanager
    def stop(*_: object, **__: object) -> Iterator[None]:
        raise EOFError("accepted")
        yield

    monkeypatch.setattr("orchestration.cli.command.prepared", stop)


def test_examples_of_the_helps_are_accepted(reached: None) -> None:
    for _, command in commands():
        for example in command.examples:
            name, *arguments = shlex.split(example.partition("    ")[0])
            done = ledgerctl(*arguments)
            assert name == "ledgerctl"
            assert done.code == 0 if arguments[-1] == "--help" else done.err.endswith("EOFError: accepted\n")


@pytest.mark.parametrize("document", ["README.md", "docs/runbook.md", "docs/runbook.ko.md"])
def test_commands_of_the_documents_exist_with_their_options(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    known = {" ".join(words): command for words, command in commands()}
    found = re.findall(r"(?:`|/)ledgerctl ([^`#\n]+(?:\n[^`#\n]+)?)", text)
    assert len(found) > 5
    for line in found:
        words = re.sub(r"\s+", " ", line).split(" ")
        name = next((n for n in (" ".join(words[:2]), words[0]) if n in known), None)
        assert name, line
        options = {option for param in known[name].params for option in param.opts}
        assert set(re.findall(r"--[a-z-]+", line.split("\n")[0])) <= options, line


def test_options_of_a_group_hold_for_its_action_too(home: Home) -> None:
    """And those of the action come after: the last word on a setting is the nearest."""
    action = ("withdraw", "orders/x", "--by", "kim", "--reason", "x")
    assert "lakehouse.nope" in ledgerctl("landing", "--set", "lakehouse.nope=1", *action).err
    twice = ledgerctl("landing", "--set", "lookback_days=a", *action, "--set", "lookback_days=b")
    assert "'b' is not" in twice.err


def test_jobs_of_the_help_are_those_that_dagster_runs() -> None:
    """Names, descriptions and parameters stand in one place, which needs no Dagster; here both are compared."""
    descriptions = {job.name: job.description for job in all_jobs() if job.name in JOB_OPS}
    assert {name: job.description for name, job in JOBS.items()} == descriptions
    assert list(JOBS) == list(JOB_OPS)
    models = (RunParameters, SyncParameters, RetentionParameters)
    fields = {name: field.description for model in models for name, field in model.model_fields.items()}
    assert fields == PARAMETERS
    for name in ("sync_dim_rule_scd2", "bad_records_retention_cleanup"):
        assert JOBS[name].parameters, name
    assert {name for job in JOBS.values() for name in job.parameters} == set(PARAMETERS)


@pytest.mark.parametrize("arguments", [["--help"], ["day", "--help"]])
def test_help_is_styled_for_a_terminal_alone(arguments: list[str]) -> None:
    """A person sees headings and options stand out; the text is the same."""
    plain = ledgerctl(*arguments).out
    seen = at_a_terminal(arguments, TERM="xterm")
    assert "\x1b[" in seen
    assert re.sub(r"\x1b\[[0-9;]*m", "", seen) == plain
    assert at_a_terminal(arguments, TERM="dumb") == plain


def at_a_terminal(arguments: list[str], **variables: str) -> str:
    """The output of the command at a terminal."""
    reader, terminal = os.openpty()
    environment = {**os.environ, "COLUMNS": "80", **variables}
    subprocess.run(
        [sys.executable, "-m", "orchestration.cli", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=terminal,
        check=True,
    )
    os.close(terminal)
    written = b""
    while chunk := _read(reader):
        written += chunk
    os.close(reader)
    return written.decode().replace("\r\n", "\n")


def _read(reader: int) -> bytes:
    try:
        return os.read(reader, 65536)
    except OSError:  # the other end is closed, and everything is read
        return b""
