"""Asset checks: the gates before B and C, and the state of the money on the dashboard."""
