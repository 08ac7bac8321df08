"""Quality of a run's numbers: measurements, thresholds and verdicts. Pure, no orchestrator."""
