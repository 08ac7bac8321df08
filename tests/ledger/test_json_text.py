"""JSON as the sources write it (spec sections 4 and 5): the same strictness and the same text on every engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from ledger.delta.lakehouse import Lakehouse
from ledger.json_text import is_json_record, is_shallow, json_field, stable_json, stable_json_column

RECORDS: Mapping[str | None, bool] = {
    None: False,
    "{}": True,
    '{"a":1}': True,
    ' {"a":1e3} ': True,
    '{"a":{"b":1,"b":2}}': True,
    '{"a":"지갑 \\u00e9 \\" \\\\"}': True,
    '{"a":1,"a":2}': False,
    '{"a":1,"\\u0061":2}': False,
    "[1]": False,
    "1": False,
    "null": False,
    '"x"': False,
    "": False,
    '{"a":1} x': False,
    '{"a":1}{"b":2}': False,
    '{"a":1,}': False,
    '{"a":1': False,
    "{a:1}": False,
    "{'a':1}": False,
    '{"a":01}': False,
    '{"a":NaN}': False,
    '{"a":1e999}': True,
    '{"a":"x\ty"}': False,
    '{"a":"x\ty","b":"it\'s"}': False,
    '{"a":"it\'s"}': True,
    '\t{"a":1}\r': True,
    '{"a":"\\ud83d"}': False,
    '{"a":"\\ud83d\\ude00"}': True,
    '{"a":"\\\\ud83d"}': True,
}
FIELDS: Mapping[str | None, str | None] = {
    '{"a":1e3}': "1e3",
    '{"a":0.10}': "0.10",
    '{"a":-0}': "-0",
    '{"a":9999999999999999.99}': "9999999999999999.99",
    '{"a":"x"}': "x",
    '{"a":" 1 "}': " 1 ",
    '{"a":"\\"q\\""}': '"q"',
    '{"a":"\\u00e9\\n"}': "é\n",
    '{"a":true}': "true",
    '{"a":null}': None,
    '{"a":""}': "",
    '{"A":1}': None,
    '{"b":{"a":1}}': None,
    '{"a": [1.50, {"x": "}\\u00e9"}] , "b":2}': '[1.50, {"x": "}\\u00e9"}]',
    '{"z":[{"a":1}],"a":5.00}': "5.00",
    '{"s":"\\"a\\":5","a" : 1e-7 }': "1e-7",
    '{"\\u0061":1.50}': "1.50",
    '{"z":"' + 30_000 * "\\n" + '","a":1.0}': "1.0",
    "{" + "".join(f'"k{n}":{n}.0,' for n in range(6_000)) + '"a":1.0}': "1.0",
    '{"z":' + 31 * "[" + 31 * "]" + ',"a":1.0}': "1.0",
    "not json": None,
    None: None,
}


def _evaluate(
    lakehouse: Lakehouse, texts: Mapping[str | None, object], of: Callable[[Column], Column]
) -> dict[str | None, object]:
    df = lakehouse.spark.createDataFrame([(text,) for text in texts], "text string")
    rows = df.select("text", of(F.col("text")).alias("value")).collect()
    return {row["text"]: row["value"] for row in rows}


def test_a_record_is_one_strict_object(lakehouse: Lakehouse) -> None:
    """INV-07: no engine's leniency makes a record of what is none; ``1e999`` breaks a row rule, the record is one."""
    found = _evaluate(
        lakehouse, RECORDS, lambda c: is_json_record(c, engine_keeps_text=lakehouse.keeps_json_text)
    )
    assert found == RECORDS
    by_default = _evaluate(lakehouse, RECORDS, is_json_record)
    assert by_default == RECORDS


def test_a_field_is_its_source_text(lakehouse: Lakehouse) -> None:
    """INV-02: numbers and nested values as they were written, wherever in the record they stand."""
    found = _evaluate(
        lakehouse, FIELDS, lambda c: json_field(c, "a", engine_keeps_text=lakehouse.keeps_json_text)
    )
    assert found == FIELDS


def test_too_deep_nesting_is_told_from_many_brackets(lakehouse: Lakehouse) -> None:
    """INV-07: an engine that prints anew keeps such a record's whole text; many brackets alone are not deep."""
    texts: Mapping[str | None, object] = {
        '{"z":' + 31 * "[" + 31 * "]" + ',"a":1.0}': True,
        '{"z":' + 33 * "[" + 33 * "]" + ',"a":1.0}': False,
        '{"z":[' + 50 * "[]," + "[]]}": True,
    }
    assert _evaluate(lakehouse, texts, is_shallow) == texts


def test_a_stable_message_has_sorted_keys_and_text_values() -> None:
    """INV-09: a message is a merge key, so equal values always give equal text."""
    message = stable_json({"b": 1, "a": 'x"y', "c": "지갑"})
    assert message == '{"a":"x\\"y","b":"1","c":"지갑"}'
    assert stable_json({"c": "지갑", "a": 'x"y', "b": 1}) == message


def test_the_engine_writes_the_same_stable_message(spark: SparkSession) -> None:
    """INV-09: decimals print in their column's scale, quotes and unicode as in :func:`stable_json`."""
    values = {"user_id": 'u-"1"', "drift_abs": "0.10", "delta": "-5.00"}
    row = (
        spark.range(1)
        .select(
            stable_json_column(
                {
                    "user_id": F.lit(values["user_id"]),
                    "drift_abs": F.lit("0.1").cast("decimal(38,2)"),
                    "delta": F.lit("-5").cast("decimal(38,2)"),
                }
            ).alias("message")
        )
        .collect()[0]
    )
    assert json.loads(row["message"]) == values
    assert row["message"] == stable_json(values)
