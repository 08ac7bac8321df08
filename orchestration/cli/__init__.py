"""``ledgerctl``, the operator's command: one file per group of commands.

Exit 0: success; 1: a pipeline failed, or the command could not do its work; 2: bad usage or settings; 3: everything
ran, and what was asked (the money, the health) is not well. Spark and Dagster are imported where they are used: bad usage
needs neither.
"""

from orchestration.cli.entry import console_script, main

__all__ = ["console_script", "main"]
