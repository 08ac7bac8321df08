"""Settings: YAML per environment, overridden by the process environment, then by the command line."""
