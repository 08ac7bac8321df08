"""WHAT: the tables as partitioned assets, one file per pipeline."""
