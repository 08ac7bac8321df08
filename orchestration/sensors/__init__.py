"""Causes of runs besides the clock: arrived files, finished, repaired or changed days, and failed runs."""

from __future__ import annotations

import dagster as dg

from configs.settings import Settings
from orchestration.sensors.failures import failure_sensors
from orchestration.sensors.landing import landing_sensor
from orchestration.sensors.late_data import late_data_sensor
from orchestration.sensors.missed_days import missed_days_sensor
from orchestration.sensors.silver_ready import silver_ready_sensor


def all_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """Every sensor; running or stopped as the settings say."""
    status = (
        dg.DefaultSensorStatus.RUNNING
        if settings.orchestration.automation == "running"
        else dg.DefaultSensorStatus.STOPPED
    )
    return [
        landing_sensor(settings, status),
        missed_days_sensor(settings, status),
        silver_ready_sensor(status),
        late_data_sensor(status),
        *failure_sensors(status),
    ]
