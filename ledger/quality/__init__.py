"""What the numbers of a run say about the money: measurements, thresholds and verdicts. Pure, no orchestrator."""
