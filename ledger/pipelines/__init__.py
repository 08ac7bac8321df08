"""The runbook's tasks as plain functions: read, transform, write, record. One module per task."""
