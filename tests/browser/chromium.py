"""Debian's Chromium for the browser test: found on the machine, never downloaded by Playwright."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_ADVICE = "no chromium on this machine: `make browser` installs Debian's as root"


def chromium_path() -> Path:
    """The browser's executable. Without one the test is skipped, under ``CI=true`` it fails: green must mean tested."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found:
        return Path(found)
    if os.environ.get("CI") == "true":
        pytest.fail(_ADVICE)
    pytest.skip(_ADVICE)
