"""Every place of the code where a text reaches a person or a system, read from the code itself.

A place is *told* when its text goes through the one function for its kind: ``resources.told`` for Dagster, the terminal's
own functions, the record factory for loggers; or when it is a constant. A place that is none of these is a finding.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from configs.settings import ROOT

PACKAGES = ("assets", "configs", "ledger", "operations", "orchestration", "resources")
_TELLER = "resources/told.py"
# Dagster's own makers of events, errors and reasons: by keyword, or their first arguments.
_EVENTS = {
    "AssetCheckEvaluation": 0,
    "AssetCheckResult": 0,
    "AssetMaterialization": 0,
    "AssetObservation": 0,
    "DagsterEvent": 0,
    "EngineEventData": 0,
    "ExpectationResult": 0,
    "Failure": 1,
    "MaterializeResult": 0,
    "ObserveResult": 0,
    "RetryRequested": 0,
    "SensorResult": 0,
    "SkipReason": 1,
    "from_step": 0,
}
_TEXTS = {"description", "label", "message", "metadata", "reason", "skip_reason", "text"}
_REPORTS = {"report_engine_event": 0, "report_run_canceled": 1, "report_run_failed": 1}
_RENDERED = {
    "MetadataValue",
    "MarkdownMetadataValue",
    "TableRecord",
    "TableMetadataValue",
    "UrlMetadataValue",
}
_LEVELS = {"critical", "debug", "error", "exception", "info", "log", "warning"}
# Who may write by themselves, and what: everything else is a finding.
_TERMINAL = {
    "orchestration/cli/terminal.py": "say, tell and write: each line is made printable here",
    "orchestration/cli/surroundings.py": "the handler of progress lines, whose records are printable",
    "orchestration/cli/styled.py": "printable cells and lines into a buffer, which terminal.write sends",
    "orchestration/cli/output.py": "a CSV cell by cell, a JSON document",
    "orchestration/demo.py": "the story of `make demo`, about data that it generated itself",
    "orchestration/ui.py": "two sentences of `make ui`",
    "orchestration/webserver.py": "a setting that is wrong, and the web server's own log",
    "resources/interrupts.py": "one constant sentence, when nothing else can speak any more",
    "orchestration/instance.py": "what `make ui` says before Dagster starts",
    "resources/engine_process.py": "the engine's child to its parent",
    "resources/databricks/remote_entry.py": "a step's end and its secrets' places, on the cluster",
}
_FILES = {
    "ledger/bronze/engine_files.py": "an empty folder in scratch, named by its number",
    "ledger/delta/schemas.py": "the warehouse folder, by the settings",
    "ledger/delta/engine_paths.py": "a link in a folder of its own, mkdtemp",
    "ledger/delta/log_files.py": "a commit of a table's log, named by its version",
    "ledger/delta/rewrite.py": "the partition folders of a table's files, by the names that its log has",
    "ledger/delta/held_folders.py": "mkdtemp",
    "ledger/delta/stages.py": "numbered folders and a log in such a folder",
    "orchestration/demo.py": "the folder of `make demo` and its mark",
    "orchestration/instance.py": "DAGSTER_HOME, its lock, its dagster.yaml",
    "orchestration/ui.py": "the workspace file of `make ui`, in a folder of its own",
    "resources/databricks/remote_entry.py": "the staged files of a step, names of ours",
    "resources/engine_process.py": "/proc/self",
    "resources/pseudonyms.py": "the key",
}
_WRITERS = {
    *(
        "write_text",
        "write_bytes",
        "mkdir",
        "makedirs",
        "mkdtemp",
        "mkstemp",
        "touch",
        "symlink",
        "symlink_to",
    ),
    *(
        "NamedTemporaryFile",
        "TemporaryDirectory",
        "TemporaryFile",
        "copyfile",
        "copytree",
        "link",
        "hardlink_to",
    ),
}


@dataclass(frozen=True)
class Place:
    """One place: what kind of reader, where, which code, and whether it is told."""

    kind: str
    file: str
    line: int
    code: str
    is_told: bool

    def __str__(self) -> str:
        return f"{self.kind:<8} {self.file}:{self.line}: {self.code}"


def places() -> list[Place]:
    """All of them, file by file."""
    found: list[Place] = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            found += places_of(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))
    return found


def places_of(source: str, file: str) -> list[Place]:
    """The places of one module."""
    if file == _TELLER:
        return []
    tree = ast.parse(source)
    found = []
    for kind, node, is_told in _found(tree, Path(file).as_posix()):
        code = (ast.get_source_segment(source, node) or "").split("\n")[0][:90]
        found.append(Place(kind, file, getattr(node, "lineno", 0), code, is_told))
    return found


def _found(tree: ast.Module, file: str) -> Iterator[tuple[str, ast.expr, bool]]:
    parents = {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.cause is not None and file.startswith("assets/"):
            yield "cause", node.cause, _is_told(node.cause)
        elif isinstance(node, ast.Attribute) and node.attr in _RENDERED and _is_made(node, parents[id(node)]):
            yield "rendered", node, False
        elif (
            isinstance(node, ast.Attribute) and node.attr == "log" and not _is_asked(parents[id(node)], node)
        ):
            yield "log", node, False  # Dagster's log by another name would not be seen
        elif (
            isinstance(node, ast.Attribute)
            and node.attr in ("stdout", "stderr")
            and _named(node.value) == "sys"
        ):
            yield "terminal", node, file in _TERMINAL
        elif isinstance(node, ast.Call):
            is_silenced = _called(node)[0] == "getLogger" and _is_silenced(parents[id(node)])
            yield from () if is_silenced else _of_call(node, file)


def _of_call(node: ast.Call, file: str) -> Iterator[tuple[str, ast.expr, bool]]:
    name, owner = _called(node)
    if name in _EVENTS or name in _REPORTS:
        texts = [k.value for k in node.keywords if k.arg in _TEXTS or k.arg is None]
        first = _REPORTS.get(name, 0)
        texts += node.args[first:] if name in _REPORTS else node.args[: _EVENTS[name]]
        for text in texts:
            yield "event", text, _is_told(text)
    elif (
        name in _LEVELS
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Attribute)
    ):
        for text in node.args if owner == "log" else []:
            yield "log", text, _is_told(text)
    elif name == "getLogger" and node.args:
        yield "logger", node, _is_ours(node.args[0])
    elif (
        name in ("print", "StreamHandler", "FileHandler", "basicConfig")
        or (owner, name) == ("csv", "writer")
        or (owner, name)
        == (
            "json",
            "dump",
        )
    ):
        yield "terminal", node, file in _TERMINAL
    elif (name in _WRITERS and owner != "told") or (name == "open" and _writes(node)):
        yield "file", node, file in _FILES


def _called(node: ast.Call) -> tuple[str, str]:
    """The function's name, and what stands before it."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr, _named(node.func.value)
    return _named(node.func), ""


def _named(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _is_told(text: ast.expr) -> bool:
    """A constant, one of ours by its name in capitals, or a call of ``told``."""
    if isinstance(text, ast.IfExp):
        return _is_told(text.body) and _is_told(text.orelse)
    if isinstance(text, ast.Constant):
        return True
    if isinstance(text, ast.Name):
        return text.id.isupper()
    if isinstance(text, ast.Dict):
        return all(key is not None and isinstance(key, ast.Constant) for key in text.keys) and all(
            isinstance(value, ast.Constant) for value in text.values
        )
    if not isinstance(text, ast.Call):
        return False
    joined = _called(text) == ("join", "") and isinstance(text.func, ast.Attribute)
    if joined and isinstance(text.args[0], ast.Call) and _called(text.args[0])[0] == "map":
        return _is_teller(text.args[0].args[0])
    return _is_teller(text.func)


def _is_teller(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and _named(node.value) == "told"


def _is_made(node: ast.Attribute, parent: ast.AST) -> bool:
    """Called, or an attribute of it is; a type's name in an annotation makes nothing."""
    return (isinstance(parent, ast.Call) and parent.func is node) or isinstance(parent, ast.Attribute)


def _is_asked(parent: ast.AST, node: ast.Attribute) -> bool:
    """``context.log.info``, or the function ``log`` of a logger or of mathematics."""
    is_called = isinstance(parent, ast.Call) and parent.func is node
    return is_called or (isinstance(parent, ast.Attribute) and parent.attr in _LEVELS)


def _is_silenced(parent: ast.AST) -> bool:
    return isinstance(parent, ast.Attribute) and parent.attr == "setLevel"


def _is_ours(name: ast.expr) -> bool:
    if isinstance(name, ast.Constant):
        return str(name.value).partition(".")[0] in PACKAGES
    return isinstance(name, ast.Name) and name.id == "__name__"


def _writes(node: ast.Call) -> bool:
    modes = [
        a.value
        for a in [*node.args, *[k.value for k in node.keywords if k.arg == "mode"]]
        if isinstance(a, ast.Constant)
    ]
    return any(isinstance(m, str) and set(m) <= set("wxabt+") and set(m) & set("wxa+") for m in modes)
