"""How fast a KST day is, held against the same day hand-written in DuckDB."""
