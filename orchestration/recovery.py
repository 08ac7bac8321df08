"""Remains of a run of ``ledgerctl`` that was told to end, or lost its engine: put in order before the command ends."""

from __future__ import annotations

import logging
import threading

import dagster as dg

from assets.limits import INTERRUPTED, new_run
from configs.settings import load_settings
from ledger.pipelines.attempt import first_line
from orchestration.requests import execute_here
from resources.dagster_internals import make_new_run_id
from resources.environments import ledger_of

_RECORDING_SEC = 7
logger = logging.getLogger("ledger.run")


def end_interrupted(instance: dg.DagsterInstance, run_id: str) -> None:
    """The run is ended, and its failure recorded once, as the sensors would (which a laptop may not run)."""
    run = instance.get_run_by_id(run_id)
    if run is None:
        return
    if not run.is_finished:
        instance.report_run_canceled(run, INTERRUPTED)
    if not load_settings().has_local_tables:
        return
    new_run()
    finalizers: list[str] = []
    recording = threading.Thread(target=_record, args=(instance, run_id, finalizers), daemon=True)
    recording.start()
    recording.join(_RECORDING_SEC)
    if recording.is_alive():
        for finalizer in filter(None, map(instance.get_run_by_id, finalizers)):
            if not finalizer.is_finished:
                instance.report_run_canceled(finalizer, "the command ends before it was done")
        logger.warning("the failure is not recorded yet; the sensor %r will", "pipeline_failed")


def _record(instance: dg.DagsterInstance, run_id: str, finalizers: list[str]) -> None:
    """Run the finalizer jobs here; ``finalizers`` takes their Dagster run ids as they start."""
    from orchestration.sensors.failures import finalizer_requests, words_of_failure

    try:
        run = instance.get_run_by_id(run_id)
        if run is None:
            return
        why = words_of_failure(instance, run) or INTERRUPTED
        asked = finalizer_requests(instance, ledger_of(load_settings()), run, why)
        for request in asked.run_requests or [] if isinstance(asked, dg.SensorResult) else []:
            finalizers.append(make_new_run_id())
            execute_here(request, instance, finalizers[-1])
    except Exception as error:
        logger.warning("the failure could not be recorded: %s", first_line(error))
