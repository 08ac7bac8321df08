"""Dagster is told plain text, and no place of the code tells anything past the one function of its kind."""

from __future__ import annotations

import dagster as dg
import pytest

from ledger.errors import StorageError
from resources import told
from tests.places import Place, places, places_of

LINK = "![x](http://evil.example/)"
PLAIN = r"![x\x5d(http\x3a//evil.example/)"


def test_every_place_where_a_text_reaches_a_person_or_a_system_is_told() -> None:
    """INV-86: the list is read from the code; a new place that passes the one function by is named here."""
    found = places()
    assert not [str(place) for place in found if not place.is_told]
    kinds = [place.kind for place in found]
    assert {kind: kinds.count(kind) >= 5 for kind in set(kinds)} == dict.fromkeys(
        ("event", "log", "logger", "terminal", "file", "cause"), True
    )


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("event", "yield dg.AssetCheckResult(passed=True, description=row['merchant_name'])"),
        ("event", "yield dg.MaterializeResult(metadata={'sample': str(row)})"),
        ("event", "yield dg.MaterializeResult(**facts)"),
        ("event", "raise dg.Failure(f'{row} is wrong')"),
        ("event", "return dg.SkipReason(error.what)"),
        ("event", "instance.report_run_failed(run, str(error))"),
        ("rendered", "sample = dg.MetadataValue.md(lines)"),
        ("rendered", "sample = dg.MarkdownMetadataValue(lines)"),
        ("log", "context.log.info(f'{len(rows)} rows of {user}')"),
        ("log", "say = context.log"),
        ("logger", "logger = logging.getLogger('dagster')"),
        ("terminal", "print(row)"),
        ("terminal", "sys.stderr.write(row)"),
        ("terminal", "csv.writer(stream).writerows(rows)"),
        ("file", "Path(row['merchant_name']).write_text('x')"),
        ("file", "open(name, mode='w')"),
        ("cause", "raise dg.Failure('x') from error"),
    ],
)
def test_a_new_place_is_found(kind: str, code: str) -> None:
    """INV-86: each kind of place, planted into a module that has none."""
    found = places_of(f"def planted():\n    {code}\n", "assets/new.py")
    assert [(place.kind, place.is_told) for place in found if not place.is_told][:1] == [(kind, False)]


def test_told_places_are_no_findings() -> None:
    """INV-86"""
    code = "context.log.info(told.text(row))\nraise dg.Failure(told.text(row), metadata={'error': 'X'})"
    assert [place.is_told for place in places_of(code, "assets/new.py")] == [True] * 3
    assert places_of("print(1)", "assets/new.py") == [
        Place("terminal", "assets/new.py", 1, "print(1)", False)
    ]


def test_metadata_is_plain_whatever_its_kind() -> None:
    """INV-86: names as well; numbers stay numbers."""
    made = told.metadata(
        {LINK: LINK, "n": 3, "x": 1.5, "yes": True, "none": None, "text": dg.MetadataValue.text(LINK)}
    )
    assert made == {PLAIN: PLAIN, "n": 3, "x": 1.5, "yes": True, "none": "", "text": PLAIN}
    table = told.table(["a", "b"], [{"a": LINK, "b": 7}, {"a": "x" * 5000, "b": None}])
    assert told.metadata({"sample": table})["sample"] is table
    first, second = (record.data for record in table.records)
    assert first == {"a": PLAIN, "b": 7}
    assert second == {"a": "x" * 500 + "... (5,000 characters)", "b": ""}
    assert told.noted([{"says": LINK, "n": 1}]).data == [{"says": PLAIN, "n": 1}]
    assert isinstance(told.link("https://adb-1.example.net/jobs/1?o=2"), dg.UrlMetadataValue)
    for wrong in ("javascript:alert(1)", "https://x.example/a b", "https://x.example/](y"):
        assert isinstance(told.link(wrong), str)
    assert (
        told.text(LINK, link="https://x.example:8/jobs/1#job/2")
        == f"{PLAIN} (https://x.example:8/jobs/1#job/2)"
    )
    assert told.text("a", link="https://x.example/<b>") == r"a (https\x3a//x.example/\x3cb>)"


def test_the_cause_of_a_failure_says_where_and_what_it_was_without_what_it_was_raised_with() -> None:
    """INV-86: an engine's error quotes statements and values over many lines, and so do its own causes."""
    try:
        try:
            raise KeyError("wallet-1")
        except KeyError as inner:
            raise ValueError(f"no <b>{LINK}\nSELECT 'wallet-2'") from inner
    except ValueError as error:
        cause = told.original(error)
    assert str(cause) == rf"ValueError: no \x3cb>{PLAIN}"
    assert cause.__cause__ is cause.__context__ is None
    assert cause.__traceback__ is not None
    assert str(told.original(StorageError("full", table="silver.t"))) == "full [table=silver.t]"
