"""Landing files as streams: lines go out in chunks, and a file appears under its name only when it is complete."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO

from mock_data.report import LandingFile

KST_OFFSET = timedelta(hours=9)
FLUSH_LINES = 4096
TABLES = ("user_wallets", "transaction_ledger", "payment_orders", "orders", "order_items", "products")


class LandingWriter:
    """Writes `<landing>/<table>/date=D/part-0000.jsonl` line by line; memory is bounded by `FLUSH_LINES`."""

    def __init__(self, landing: Path, table: str, day: date) -> None:
        self.table = table
        self.day = day
        self.rows = 0
        # Appending to the buffer directly saves a method call per line, which is the generator's hot path.
        self.lines: list[str] = []
        # Called with the buffer before it goes out: planted replays need no hook in the hot path.
        self.before_flush: Callable[[list[str]], None] | None = None
        self._landing = landing
        self._path = landing / table / f"date={day.isoformat()}" / "part-0000.jsonl"
        # `.tmp` matches no landing pattern: a pipeline that runs meanwhile never loads half a file.
        self._partial = self._path.with_suffix(".jsonl.tmp")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._stream: IO[str] = self._partial.open("w", encoding="utf-8", newline="\n")

    def flush(self) -> None:
        """Write the buffered lines out."""
        if self.before_flush is not None:
            self.before_flush(self.lines)
        self.rows += len(self.lines)
        self._stream.write("".join(self.lines))
        self.lines.clear()

    def close(self) -> LandingFile | None:
        """Publish the file under its name; a day without a line leaves no file and gives None."""
        self.flush()
        self._stream.close()
        if not self.rows:
            self._partial.unlink()
            self._path.unlink(missing_ok=True)
            return None
        self._partial.replace(self._path)
        path = self._path.relative_to(self._landing).as_posix()
        return LandingFile(table=self.table, date_kst=self.day, path=path, rows=self.rows)

    def abandon(self) -> None:
        """Drop the half-written file, so that a failed generation leaves nothing to load."""
        self._stream.close()
        self._partial.unlink(missing_ok=True)


class DayClock:
    """Instants of one KST day as ISO-8601 UTC text. `micros` and `seconds` count from KST midnight."""

    def __init__(self, day: date) -> None:
        self.start = datetime(day.year, day.month, day.day, tzinfo=UTC) - KST_OFFSET
        self._hours = [(self.start + timedelta(hours=hour)).strftime("%Y-%m-%dT%H") for hour in range(25)]
        self._second = -1
        self._prefix = ""

    def second_text(self, seconds: int) -> str:
        """`YYYY-MM-DDTHH:MM:SS`, without fraction and offset."""
        hour, rest = divmod(seconds, 3600)
        return f"{self._hours[hour]}:{rest // 60:02d}:{rest % 60:02d}"

    def text(self, micros: int) -> str:
        """`YYYY-MM-DDTHH:MM:SS.ffffffZ`; consecutive events share a second, so its text is kept."""
        second, fraction = divmod(micros, 1_000_000)
        if second != self._second:
            self._second = second
            self._prefix = self.second_text(second)
        return f"{self._prefix}.{fraction:06d}Z"


def record_tail(clock: DayClock, table: str, extracted_sec: int, ingested_sec: int, batch: str) -> str:
    """The metadata that ends a record and its line. Units: seconds from KST midnight."""
    return (
        f'"source_extracted_at":"{clock.second_text(extracted_sec)}Z",'
        f'"ingested_at":"{clock.second_text(ingested_sec)}Z",'
        f'"batch_id":"{table}-{batch}","source_system":"core-banking"}}\n'
    )
