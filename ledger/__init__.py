"""HOW: pure PySpark. Imports neither Dagster nor a Databricks SDK."""
