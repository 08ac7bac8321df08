"""The code location: merges what exists, when it runs and with what. No logic."""

from __future__ import annotations

import dagster as dg

from configs.settings import load_settings
from orchestration.jobs import all_assets, all_checks, all_jobs
from resources.environments import resources

_settings = load_settings()
defs = dg.Definitions(
    assets=all_assets(_settings),
    asset_checks=all_checks(_settings),
    jobs=all_jobs(),
    resources=resources(_settings),
)
