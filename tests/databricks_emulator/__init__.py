"""A small Databricks workspace on this machine, for the real SDK: Jobs, Files, DBFS and OAuth over real HTTP.

A submitted ``spark_python_task`` runs in a process of its own, with a clean environment and working directory.
It is a fixture and makes no claim to be Databricks: docs/databricks.md lists what was never seen on a real one.
"""

from tests.databricks_emulator.emulator import Emulator
from tests.databricks_emulator.script import End, Script

__all__ = ["Emulator", "End", "Script"]
