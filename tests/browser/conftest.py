"""A page of Debian's Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.chromium import chromium_path

REBOUND = "evil.example"


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of Debian's Chromium, without a window. The name ``evil.example`` points to this machine, as after DNS rebinding."""
    path = chromium_path()
    with sync_playwright() as playwright:
        # Root has no sandbox in a container; the page only ever shows this test's own servers.
        options = ["--no-sandbox", f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=path, args=options)
        made = browser.new_page(viewport={"width": 1440, "height": 900})
        made.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        yield made
        browser.close()
