"""The code location: merges what exists, when it runs and with what. No logic."""

from __future__ import annotations

import dagster as dg

from assets.checks.verdicts import money_asset
from configs.settings import load_settings
from ledger.shown import escape_log_records
from orchestration.jobs import all_assets, all_checks, all_jobs
from orchestration.schedules import all_schedules
from orchestration.sensors import all_sensors
from resources.environments import resources
from resources.shared_host import keep_files_private

# Every process that loads the code location: daemon, code server, run worker, a launched step.
keep_files_private()
escape_log_records()
_SETTINGS = load_settings()
defs = dg.Definitions(
    assets=[*all_assets(_SETTINGS), money_asset()],
    asset_checks=all_checks(_SETTINGS),
    jobs=all_jobs(),
    schedules=all_schedules(_SETTINGS),
    sensors=all_sensors(_SETTINGS),
    resources=resources(_SETTINGS),
)
