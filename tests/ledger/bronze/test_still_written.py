"""Is a landing file still being written? (spec section 4). Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.bronze.landing_names import Kind
from ledger.bronze.still_written import CLOCK_SKEW, SETTLE, is_cut_off, is_young
from tests.ledger.bronze.reading import zipped

NOW = datetime(2026, 2, 3, 12, tzinfo=UTC)
JSON, CSV, PARQUET = Kind("json", False), Kind("csv", False), Kind("parquet", False)


@pytest.mark.parametrize(
    ("age", "young"),
    [
        (timedelta(0), True),
        (SETTLE - timedelta(milliseconds=1), True),
        (SETTLE, False),
        (timedelta(days=1), False),
        (-CLOCK_SKEW + timedelta(seconds=1), True),
        (-CLOCK_SKEW, False),
    ],
)
def test_is_young_within_a_minute_as_far_as_two_clocks_can_tell(age: timedelta, young: bool) -> None:
    """A time that lies further ahead was set by hand and says nothing."""
    modified = int((NOW - age).timestamp() * 1_000) * 1_000_000
    assert is_young(modified, NOW) is young


@pytest.mark.parametrize(
    ("kind", "content", "cut"),
    [
        (JSON, b"", False),
        (JSON, b'{"a":1}\n{"a"', True),
        (JSON, b'{"a":1}\n{"a":2}', False),
        (JSON, b'{"a":1}\n{"a"\n', False),
        (JSON, b'[{"a":1},', True),
        (JSON, b'\xef\xbb\xbf[{"a":1}] \n', False),
        (CSV, b"a,b\n1,2\n3", True),
        (CSV, b"a,b\n1,2", False),
        (CSV, b'a,b\n1,"2', True),
        (CSV, b"a,b", True),
        (PARQUET, b"PAR1...", True),
        (PARQUET, b"PAR1...PAR1", False),
        (PARQUET, b"", True),
        (Kind("json", True), zipped(b'{"a":1}\n')[:-4], True),
        (Kind("json", True), zipped(b'{"a":1}\n{"a"'), True),
        (Kind("json", True), zipped(b'{"a":1}\n'), False),
        (Kind("json", True), b"no gzip", False),
    ],
)
def test_is_cut_off_in_the_middle_of_a_record(tmp_path: Path, kind: Kind, content: bytes, cut: bool) -> None:
    """A file that is broken in another way is not still being written."""
    path = tmp_path / "file"
    path.write_bytes(content)
    assert is_cut_off(path, kind, len(content)) is cut
