"""Gold: controls, operations, the anonymized mart, exceptions, state and rules (spec sections 2 and 7)."""
