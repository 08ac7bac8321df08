"""``python -m orchestration.cli``."""

import sys

from orchestration.cli.entry import console_script

sys.exit(console_script())
