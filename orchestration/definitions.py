"""The code location: merges what exists, when it runs and with what. No logic."""

from __future__ import annotations

import dagster as dg

from configs.settings import load_settings
from orchestration.jobs import all_assets, all_jobs
from resources.environments import resources

defs = dg.Definitions(
    assets=all_assets(load_settings()), jobs=all_jobs(), resources=resources(load_settings())
)
