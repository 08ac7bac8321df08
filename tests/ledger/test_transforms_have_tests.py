"""Every public function that computes is named by the unit test of its own module, in the mirrored place. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from configs.settings import ROOT

PACKAGES = ("bronze", "silver", "gold", "pipelines")
# What a function is given when it reads, writes or listens; its own tests are those of the task that calls it.
_OUTSIDE = {"BinaryIO", "LandingFile", "Lakehouse", "Path", "Run", "SparkSession"}


@dataclass(frozen=True)
class Transform:
    """A public function (or method) that computes, and where its test belongs."""

    module: Path
    name: str

    @property
    def test(self) -> Path:
        return Path("tests", self.module.parent, f"test_{self.module.name}")

    def __str__(self) -> str:
        return f"{self.module}: {self.name} is named by no test; it belongs into {self.test}"


def transforms(source: str, module: Path) -> Iterator[Transform]:
    """Functions that take or give a frame or a column of Spark, and those that take values alone and give one."""
    tree = ast.parse(source)
    spark = _imported_from_spark(tree) & {"DataFrame", "Column"}
    for owner, function in _public(tree):
        given, gives = _annotated(function)
        is_frame = bool(spark & (given | gives))
        is_value = owner is None and bool(gives) and not _OUTSIDE & given
        if is_frame or is_value:
            yield Transform(module, function.name)


def _public(tree: ast.Module) -> Iterator[tuple[str | None, ast.FunctionDef]]:
    owners = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    for owner, body in [(None, tree.body), *((node.name, node.body) for node in owners)]:
        for node in body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield owner, node


def _imported_from_spark(tree: ast.Module) -> set[str]:
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {
        name.asname or name.name for node in imports if node.module == "pyspark.sql" for name in node.names
    }


def _annotated(function: ast.FunctionDef) -> tuple[set[str], set[str]]:
    """The names in the annotations of what it is given, and of what it gives."""
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [extra for extra in (arguments.vararg, arguments.kwarg) if extra]
    return _names(*[argument.annotation for argument in every]), _names(function.returns)


def _names(*annotations: ast.expr | None) -> set[str]:
    nodes = [node for annotation in annotations if annotation for node in ast.walk(annotation)]
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def used_names(source: str) -> set[str]:
    """The names that a test uses; an import alone is no use."""
    nodes = list(ast.walk(ast.parse(source)))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def test_every_transform_is_named_by_the_test_of_its_module() -> None:
    """A slip in a transform then fails a test that names the transform, in seconds."""
    found = [
        transform
        for package in PACKAGES
        for path in sorted((ROOT / "ledger" / package).glob("*.py"))
        for transform in transforms(path.read_text(encoding="utf-8"), path.relative_to(ROOT))
    ]
    assert len(found) > 60
    tests = {transform.test for transform in found}
    used = {
        test: used_names((ROOT / test).read_text(encoding="utf-8"))
        for test in tests
        if (ROOT / test).exists()
    }
    missing = [str(transform) for transform in found if transform.name not in used.get(transform.test, set())]
    assert not missing, "\n".join(missing)


def test_transforms_are_told_from_tasks_by_their_annotations() -> None:
    """A Run or a Lakehouse makes a task of a function, unless it gives or takes a frame."""
    source = """
from pyspark.sql import DataFrame
from ledger.contract import Column
def gives_a_frame(run: Run) -> DataFrame: ...
def takes_frames(*frames: DataFrame, run: Run) -> None: ...
def of_values(day: date, *, above: Decimal) -> bool: ...
def of_contract_columns(lakehouse: Lakehouse) -> Column: ...
def a_task(run: Run, window: Window) -> Outcome: ...
def says(text: str) -> None: ...
def _private(rows: DataFrame) -> DataFrame: ...
class Given:
    def of(self, rows: DataFrame) -> int: ...
    def a_value(self) -> int: ...
class _Hidden:
    def of(self, rows: DataFrame) -> int: ...
"""
    found = [transform.name for transform in transforms(source, Path("ledger/silver/m.py"))]
    assert found == ["gives_a_frame", "takes_frames", "of_values", "of"]
    assert str(Transform(Path("ledger/silver/m.py"), "f")) == (
        "ledger/silver/m.py: f is named by no test; it belongs into tests/ledger/silver/test_m.py"
    )
    assert used_names("from m import f\nm.g(h)") == {"m", "g", "h"}
