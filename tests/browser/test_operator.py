"""An operator at work in the UI, in a real browser: run B on an unready day, read why not, repair, run it again."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.assets.events import steps
from tests.browser.server import dagster_ui
from tests.support import DAY_2, Home

_RUN_SEC = 180
RECON = "gold.recon_daily_snapshot_flow"


def materialize(page: Page, address: str, job: str, day: object) -> str:
    """Launch a job for one day from its page, as a person would; the run's id, once the run has ended."""
    page.goto(f"{address}/locations/ledger_controls/jobs/{job}")
    page.get_by_role("button", name="Materialize all").click()
    page.get_by_text("Show all partitions").click()
    page.get_by_placeholder(re.compile("^ex: ")).fill(str(day))
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Launch 1 run").click()
    page.get_by_role("link", name=re.compile("View")).first.click()
    page.wait_for_url("**/runs/**")
    ended = page.get_by_text(re.compile("^(Success|Failure)$")).first
    expect(ended).to_be_visible(timeout=_RUN_SEC * 1000)
    return page.url.rsplit("/", 1)[1].partition("?")[0]


def watermark_check(page: Page, address: str) -> Page:
    """The page of the gate's first question."""
    page.goto(f"{address}/assets/silver/ledger_entries?view=checks&checkDetail=ready_for_b_watermark")
    expect(page.get_by_text("blocking", exact=True)).to_be_visible()
    return page


def test_an_unready_day_is_refused_repaired_and_controlled(after_day_1: Home, page: Page) -> None:
    """INV-50, INV-53: all of it in the UI, with the words that an operator needs."""
    with dagster_ui(after_day_1) as address:
        refused = materialize(page, address, "pipeline_b_controls", DAY_2)
        assert set(steps(refused).values()) == {"FAILURE"}
        assert not [row for row in after_day_1.rows(RECON) if row["date_kst"] == DAY_2]
        expect(page.get_by_text("required: pipeline_silver.last_processed_end >=").first).to_be_visible()
        watermark_check(page, address)
        expect(page.get_by_text("Failed", exact=True).first).to_be_visible()
        expect(page.get_by_text("Next: run pipeline_silver_materialization for 2026-02-11")).to_be_visible()

        repaired = materialize(page, address, "pipeline_silver_materialization", DAY_2)
        assert steps(repaired) == {"materialize_silver": "SUCCESS"}
        controlled = materialize(page, address, "pipeline_b_controls", DAY_2)
        assert set(steps(controlled).values()) == {"SUCCESS"}
        assert [row for row in after_day_1.rows(RECON) if row["date_kst"] == DAY_2]
        watermark_check(page, address)
        expect(page.get_by_text("Succeeded", exact=True).first).to_be_visible()


def test_a_viewer_sees_everything_and_starts_nothing(after_day_1: Home, page: Page) -> None:
    """INV-53: `--read-only`, as docs/deployment.md offers it to viewers."""
    with dagster_ui(after_day_1, "--read-only") as address:
        page.goto(f"{address}/assets/gold/ledger_supply_balance_daily?view=checks")
        expect(page.get_by_text("Does issued supply equal what all wallets hold").first).to_be_visible()
        expect(page.get_by_role("button", name="Materialize")).to_be_disabled()
