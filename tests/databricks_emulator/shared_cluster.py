"""An existing cluster: starts one JVM, prints where its gateway listens, and lives until its input is closed."""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    from pyspark.sql import SparkSession

    builder: Any = SparkSession.builder
    for key, value in json.loads(sys.argv[1]).items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    parameters = spark.sparkContext._gateway.gateway_parameters
    print(json.dumps({"port": parameters.port, "secret": parameters.auth_token}), flush=True)
    sys.stdin.read()
    spark.stop()


if __name__ == "__main__":
    main()
