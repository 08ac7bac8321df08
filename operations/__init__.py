"""WHAT PEOPLE DO with the tables: verdicts, quarantine, what a table holds. Readable by an operator; no Dagster."""
