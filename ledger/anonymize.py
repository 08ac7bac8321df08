"""Pseudonyms: a salted hash replaces the user (spec section 7, C)."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F


def salt_relation(spark: SparkSession, salt: str) -> DataFrame:
    """The salt as a one-row relation (salt): a literal would be printed with every query plan."""
    return spark.createDataFrame([(salt,)], "salt string")


def with_user_key(df: DataFrame, salt: DataFrame) -> DataFrame:
    """``df`` with ``user_key = sha256(user_id || salt)`` in hex instead of ``user_id``."""
    salted = df.crossJoin(salt)
    return salted.withColumn("user_key", F.sha2(F.concat("user_id", "salt"), 256)).drop("user_id", "salt")
