"""Landing files that the engine itself reads (spec section 4): large plain JSON lines, and whatever lies at a URI.

Of a URI this process sees no bytes, so less is understood than of a path: JSON as lines alone, a ragged CSV row or an
open quote fails its file, limits of length are the engine's, and every file is a read of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ledger.bronze.json_records import RECORD
from ledger.bronze.landing import LandingFile
from ledger.bronze.records import FILE_COLUMNS
from ledger.bronze.scratch_rows import file_values
from ledger.delta.lakehouse import Lakehouse
from ledger.errors import IngestError

_BYTE_ORDER_MARK = "\ufeff"
_NOT_BLANK = r"[^ \t\r\f\x0B]"
_PATTERN = re.compile(r"([\\\[\]{}*?])")
_NUMBER = "file_number"


def is_remote(file: LandingFile) -> bool:
    """Whether the file is known by a URI, as the engine spells it, and not by a path of this machine."""
    return ":/" in file.path


def engine_lines(lakehouse: Lakehouse, files: Sequence[LandingFile]) -> DataFrame:
    """The lines of the files; one read for all where engine and process share them, else one for each."""
    if lakehouse.is_embedded and not any(map(is_remote, files)):
        return _linked_lines(lakehouse, files)
    read = lakehouse.spark.read
    return _records(union_of([with_file(read.text(engine_name(file)), file) for file in files]))


def check_lines(spark: SparkSession, file: LandingFile) -> bool:
    """True for a file at a URI whose lines can be read; raises :class:`IngestError` when it is one JSON array."""
    check_compression(file)
    first = spark.read.text(engine_name(file)).where(F.col(RECORD).rlike(_NOT_BLANK)).head()
    if first is not None and first[RECORD].lstrip(_BYTE_ORDER_MARK).lstrip().startswith("["):
        raise IngestError("is a JSON array, which is read from a path alone: by URI, write one record a line")
    return True


def engine_name(file: LandingFile) -> str:
    """The file's path as a pattern that means this file alone, where the engine takes a name for one."""
    return _PATTERN.sub(r"\\\1", file.path)


def with_file(df: DataFrame, file: LandingFile) -> DataFrame:
    """The frame with the file's FILE_COLUMNS."""
    values = zip(FILE_COLUMNS, file_values(file), strict=True)
    return df.withColumns({name: F.lit(value) for name, value in values})


def check_compression(file: LandingFile) -> None:
    """Raises :class:`IngestError` for a compressed file that an engine would take for a plain one."""
    if file.compressed and not file.path.endswith(".gz"):
        raise IngestError("is compressed, and by URI its name has to end in .gz, in lower case")


def _records(lines: DataFrame) -> DataFrame:
    """Lines without a byte order mark; blank ones are no records."""
    text = F.ltrim(F.col(RECORD), F.lit(_BYTE_ORDER_MARK))
    return lines.withColumn(RECORD, text).where(F.col(RECORD).rlike(_NOT_BLANK))


def union_of(frames: Sequence[DataFrame]) -> DataFrame:
    """All rows of the frames, as a tree of unions that is not deeper than it has to be."""
    if len(frames) == 1:
        return frames[0]
    half = len(frames) // 2
    left, right = union_of(frames[:half]), union_of(frames[half:])
    return left.unionByName(right, allowMissingColumns=True)


def _linked_lines(lakehouse: Lakehouse, files: Sequence[LandingFile]) -> DataFrame:
    """The lines of files of this machine, each file under a name of our own.

    The engine takes a name for a pattern, and a path for a URL. It reads a folder of links, whose names are numbers.
    """
    folder = lakehouse.scratch_folder()
    for place, file in enumerate(files, 1):
        parent = folder / f"{_NUMBER}={place}"
        parent.mkdir()
        (parent / "lines.txt").symlink_to(Path(file.path).absolute())
    lakehouse.seal_links(folder)
    lines, number = lakehouse.spark.read.text(str(folder)), F.col(_NUMBER).cast("int")
    if len(files) == 1:  # a look-up a row costs a tenth of a large day
        return _records(with_file(lines.select(RECORD), files[0]))
    each = zip(*map(file_values, files), strict=True)
    columns = {
        name: F.element_at(F.array(*map(F.lit, values)), number)
        for name, values in zip(FILE_COLUMNS, each, strict=True)
    }
    return _records(lines.select(RECORD, *[column.alias(name) for name, column in columns.items()]))
