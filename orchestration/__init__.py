"""WHEN: partitions, jobs, run parameters and the operator's command."""
