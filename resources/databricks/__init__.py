"""Everything about running a step on Databricks, and nothing else: replacing the launcher replaces this package."""
