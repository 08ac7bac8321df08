"""The rules of the house that no linter knows: invariants are tested, documents exist, functions stay short. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.settings import ROOT

PRODUCT = ("assets", "configs", "ledger", "mock_data", "operations", "orchestration", "resources")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")])
_LONGEST_FUNCTION = 60
_LONGEST_CELL = 330  # three lines
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
_NOT_ON_EVERY_ENGINE = re.compile(
    r"\b(sparkContext|_jvm|pandas_udf|udf\(|DeltaTable\.for\w+)|\.(rdd|cache\(\))"
)


def _sources(*packages: str) -> Iterator[tuple[Path, str]]:
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path, path.read_text(encoding="utf-8")


def _headings(document: Path) -> set[str]:
    """The anchors of a document, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_no_module_asks_which_table_it_has() -> None:
    """A table says itself how it differs from others: in its contract, or in its ``SilverTable``."""
    asks = re.compile(r"\b(table|name|source_table) ?(is|is not|==|!=|in|not in) ?\(?[\w.]*\bTABLE\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path, text in _sources(*PRODUCT)
        for number, line in enumerate(text.splitlines(), start=1)
        if asks.search(line) and not line.lstrip().startswith("for ")  # a loop over tables
    ]
    assert not found


def test_every_invariant_is_named_by_a_test() -> None:
    numbered = set(re.findall(r"^\| (INV-\d+)", (ROOT / "docs/invariants.md").read_text(), re.MULTILINE))
    tested = {number for _, text in _sources("tests") for number in re.findall(r"INV-\d+", text)}
    assert tested == numbered


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_the_documents_lead_somewhere(document: Path) -> None:
    dead = []
    for target, anchor in _LINK.findall(document.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        path = (document.parent / target).resolve() if target else document
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in _headings(path)):
            dead.append(f"{target}#{anchor}")
    assert not dead


def test_decisions_that_the_code_cites_exist() -> None:
    numbered = set(re.findall(r"^\| (D-\d+)", (ROOT / "docs/decisions.md").read_text(), re.MULTILINE))
    texts = [text for _, text in _sources(*PRODUCT, "tests")] + [d.read_text() for d in DOCUMENTS]
    cited = {number for text in texts for number in re.findall(r"\bD-\d{3}\b", text)}
    assert cited <= numbered


def test_decisions_are_short_rows_with_date_and_status() -> None:
    rows = [line for line in (ROOT / "docs/decisions.md").read_text().splitlines() if line.startswith("| D-")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
    wrong = [
        row[0] for row in cells if len(row) != 5 or not re.fullmatch(r"\d{4}-\d\d-\d\d", row[1]) or not row[4]
    ]
    long = [row[0] for row in cells if max(map(len, row)) > _LONGEST_CELL]
    assert (wrong, long) == ([], [])
    assert [row[0] for row in cells] == sorted({row[0] for row in cells})


@pytest.mark.parametrize(
    ("document", "cited"),
    [
        ("docs/specification.md", r"spec(?:ification)? sections? (\d+)"),
        ("docs/runbook.md", r"[Rr]unbook(?:\.md)?,? section (\d+(?:\.\d+)?)"),
    ],
)
def test_sections_that_the_code_cites_exist(document: str, cited: str) -> None:
    titles = re.findall(r"^#+ (\d+(?:\.\d+)?)\.? ", (ROOT / document).read_text(), re.MULTILINE)
    numbers = {number for _, text in _sources(*PRODUCT, "tests") for number in re.findall(cited, text)}
    assert len(numbers) > 3
    assert numbers <= set(titles)


def test_functions_of_the_product_have_at_most_sixty_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.name}"
        for path, text in _sources(*PRODUCT)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= _LONGEST_FUNCTION
    ]
    assert not long


def test_transforms_use_only_what_every_engine_knows() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path, text in _sources("ledger", "operations", "assets")
        for match in _NOT_ON_EVERY_ENGINE.finditer(text)
    }
    assert not found


def test_private_modules_of_dagster_are_imported_in_one_file() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for path, text in _sources(*PRODUCT)
        if re.search(r"^\s*(from|import) dagster(_\w+)?\._", text, re.MULTILINE)
    }
    assert found == {"resources/dagster_internals.py"}


def test_sentences_and_tests_begin_with_their_subject() -> None:
    """No riddles: a docstring, a list item or a test begins with the thing, not with What, Whoever or Where."""
    riddle = re.compile(
        r'^\s*(?:"""(?:What|Whoever|Where) |def test_(?:what|whoever|where|who)_)', re.MULTILINE
    )
    found = [
        f"{path.relative_to(ROOT)}: {match.group().strip()}"
        for path, text in _sources(*PRODUCT, "tests", "benchmarks", "docs")
        for match in riddle.finditer(text)
    ]
    found += [
        f"{document.relative_to(ROOT)}: {line}"
        for document in DOCUMENTS
        if document.name != "tables.md"  # generated from the contracts
        for line in document.read_text(encoding="utf-8").splitlines()
        if re.match(r"(?:- |\| )?(?:What|Whoever|Where) [a-z]", line)
    ]
    assert not found


def test_suites_that_the_makefile_names_exist() -> None:
    named = set(re.findall(r"tests/[\w/]+(?:\.py)?", (ROOT / "Makefile").read_text(encoding="utf-8")))
    assert named
    assert {path for path in named if not (ROOT / path).exists()} == set()
