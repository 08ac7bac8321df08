"""A landing on cloud storage: listed and hashed by the engine, which has the credentials (spec section 4).

One pass over the files of formats that are read, for their hashes; the others are listed without their content.

**What is not seen there.** Engines hide names that begin with ``.`` or ``_``, whatever is asked: such files have no row in
``bronze.landing_file``, and each load says so (:mod:`ledger.bronze.landing_report`). Spark 4.3 has an option against it,
which is given and which older engines ignore. A file in no landing day's folder is not looked for: an engine lists a root
only with all its history. A volume (``/Volumes``) and a ``file:`` URI are folders, and are listed whole by this process.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pyspark.errors import PySparkException
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from ledger.bronze.landing import LandingFile, Listing
from ledger.bronze.landing_names import Kind, day_folder, judge_name
from ledger.bronze.landing_walk import LeftOut
from ledger.bronze.metadata import landing_folder
from ledger.contract import Table

# Names that end in a format, in any letter case; of everything else the content is not asked for.
_DATA = r"(?i)\.(jsonl|ndjson|json|csv)(\.gz)?$|(?i)\.parquet$"

_HIDES_NOTHING = "(?!)"


def list_cloud_files(spark: SparkSession, landing: str, table: Table, day: date) -> Listing:
    """Everything under one landing day, by name; an absent folder is an empty day. One query."""
    folder = f"{landing_folder(table)}/{day_folder(day)}"
    root = f"{landing.rstrip('/')}/{folder}"
    reader = spark.read.format("binaryFile").options(
        recursiveFileLookup=True, ignoredPathSegmentRegex=_HIDES_NOTHING
    )
    try:
        found = reader.load(root)
        is_data = F.col("path").rlike(_DATA)
        rows = found.select("path", "length", F.when(is_data, F.sha2("content", 256)).alias("sha")).collect()
    except PySparkException as error:
        if "PATH_NOT_FOUND" in str(error):
            return Listing()
        raise
    return _judged(rows, folder, day)


def _judged(rows: Sequence[Row], folder: str, day: date) -> Listing:
    files, left_out = [], []
    for row in sorted(rows, key=lambda row: str(row["path"])):
        below = _below(row["path"], folder)
        kind = judge_name(below)
        name = f"{folder}/{below}"
        if isinstance(kind, Kind):
            files.append(
                LandingFile(row["path"], name, row["sha"], kind.format, day, row["length"], kind.compressed)
            )
        else:
            left_out.append(LeftOut(name, kind.status, kind.reason, bytes=row["length"]))
    return Listing(tuple(files), tuple(left_out))


def _below(path: str, folder: str) -> str:
    _, _, below = path.partition(f"/{folder}/")
    return below or path.rsplit("/", 1)[-1]
