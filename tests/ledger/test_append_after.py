"""Compare-and-set appends: a position in a table is given once, whoever writes at the same moment."""

from __future__ import annotations

from datetime import UTC, date, datetime
from threading import Barrier, Thread

from ledger.bronze.landing_file import TABLE, LandingEvent, read_events
from ledger.delta.lakehouse import Lakehouse
from ledger.delta.scope import Scope
from ledger.instants import TICK
from ledger.window import sql_timestamp

DAY, OTHER_DAY = date(2026, 2, 1), date(2026, 2, 2)
NOON = datetime(2026, 2, 1, 3, tzinfo=UTC)


def append(
    lakehouse: Lakehouse, path: str, *, at: datetime, newest: datetime | None, day: date = DAY
) -> bool:
    event = LandingEvent(path, "00", day, "loaded", "r1", at)
    return lakehouse.append_after(
        TABLE,
        lakehouse.rows(TABLE, [vars(event)]),
        order="at",
        newest=sql_timestamp(newest) if newest else None,
        expected=1,
        scope=Scope.of([day]),
    )


def test_an_append_behind_a_newer_row_is_not_made(lakehouse: Lakehouse) -> None:
    lakehouse.create(TABLE)
    assert append(lakehouse, "first", at=NOON, newest=None)
    assert not append(lakehouse, "late", at=NOON + TICK, newest=None)
    assert append(lakehouse, "second", at=NOON + TICK, newest=NOON)
    assert append(lakehouse, "elsewhere", at=NOON, newest=None, day=OTHER_DAY)
    assert [event.path for event in read_events(lakehouse, Scope.of([DAY]))] == ["first", "second"]


def test_of_simultaneous_appends_one_is_made(lakehouse: Lakehouse) -> None:
    lakehouse.create(TABLE)
    made: list[bool] = []
    start = Barrier(4)

    def write(name: str) -> None:
        start.wait()
        made.append(append(lakehouse, name, at=NOON, newest=None))

    writers = [Thread(target=write, args=(f"writer {n}",)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(made) == [False, False, False, True]
    assert len(read_events(lakehouse)) == 1
