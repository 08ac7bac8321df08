"""Bronze: append-only, as it came (spec sections 2 and 4)."""
