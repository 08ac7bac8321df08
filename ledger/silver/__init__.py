"""Silver: clean, deduplicated, every rejected row quarantined with a reason (spec sections 2 and 5)."""
