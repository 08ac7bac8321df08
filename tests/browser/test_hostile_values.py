"""Hostile values in every field, looked at in a real browser: nothing is asked for, nothing is launched."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Page

from orchestration.definitions import defs
from orchestration.launch import dagster_instance
from tests.assets.events import verdicts
from tests.browser.hostile import ATTACKS, BAD_FILE, HOST, Watch, land
from tests.browser.server import webserver
from tests.support import DAY_1, Home, ledgerctl

# The events of these show the same values once more, by another part of the UI.
EVENTS = (["bronze", "payment_orders_raw"], ["silver", "products"], ["gold", "ops_payment_failure_daily"])


def pages() -> Iterator[str]:
    """Every asset's page, checks that carry something hostile or found something, every run."""
    with dagster_instance() as instance:
        for key in sorted(defs.resolve_asset_graph().get_all_asset_keys()):
            asset = "/assets/" + "/".join(map(quote, key.path))
            yield f"{asset}?view=overview"
            if key.path in EVENTS:
                yield f"{asset}?view=events&partition={DAY_1}"
        for run in instance.get_runs():
            yield f"/runs/{run.run_id}"
    for name, said in verdicts().items():
        asset, _, check = name.rpartition(":")
        if HOST in said.description or not said.passed:
            yield f"/assets/{asset}?view=checks&checkDetail={check}"
    yield "/runs"


@pytest.fixture
def controlled(home: Home) -> Home:
    """A hostile day, run and controlled twice, and a file that cannot be loaded. Made before any browser starts."""
    land(home)
    assert ledgerctl("day", DAY_1).code == 0
    reason = f"skip_upstream_readiness_check=true,skip_reason={ATTACKS[1]} {ATTACKS[2]}"
    again = ledgerctl("run", "pipeline_b_controls", "--partition", DAY_1, "--params", reason)
    assert again.code == 0, again.err
    (home.landing / "products" / f"date={DAY_1}" / BAD_FILE).write_text(f"{ATTACKS[2]},<b>x</b>\n")
    assert ledgerctl("run", "bronze_ingest", "--partition", DAY_1).code == 1
    return home


def test_no_value_acts_on_any_page(controlled: Home, page: Page) -> None:
    """INV-86: images, links, HTML, addresses, control and bidi characters, in every field of every source, in a
    file's name and in what people give as a reason."""
    with dagster_instance() as instance:
        before = {run.run_id for run in instance.get_runs()}
    with webserver(controlled) as address:
        watch = Watch(page, address)
        page.goto(f"{address}/assets")
        page.get_by_text("Catalog").first.wait_for()
        seen = {path: watch.visit(path) for path in pages()}
    assert not watch.wrong
    with dagster_instance() as instance:
        assert {run.run_id for run in instance.get_runs()} == before
    merchants = seen[f"/assets/gold/ops_payment_failure_daily?view=events&partition={DAY_1}"]
    assert r"![pay\x5d(/graphql?query=mutation" in merchants  # it was there, and it was text
    products = seen[f"/assets/silver/products?view=events&partition={DAY_1}"]
    assert r"\x3cscript src=http\x3a//evil.example" in products
    files = seen["/assets/bronze/products_raw?view=checks&checkDetail=landing_files"]
    assert r"[y\x5d(javascript:alert(1)) \x3cimg src=x onerror=alert(1)>" in files
    skipped = f"readiness check skipped: ![pay\\x5d(http\\x3a//{HOST}/seen.png)"
    assert any(skipped in text for path, text in seen.items() if path.startswith("/runs/"))
    open_to_others = [
        path
        for root in (controlled.dagster_home, controlled.warehouse)
        for path in root.rglob("*")
        if path.lstat().st_mode & 0o077 and not stat.S_ISLNK(path.lstat().st_mode)
    ]
    assert not open_to_others
