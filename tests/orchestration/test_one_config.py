"""A run has one set of parameters, one day and a landing that exists, or it is refused whole (spec section 3)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from configs.settings import ROOT
from ledger.parameters import ResolvedRun, RunParameters, resolve
from ledger.pipelines.registry import BY_JOB, CONTROLS, PIPELINE_SILVER, PIPELINES, Pipeline
from orchestration.definitions import defs
from orchestration.launch import dagster_instance
from orchestration.sensors.failures import finalizer_requests
from resources.ledger import LedgerResource
from resources.parameters import RUN_ID_TAG, as_run_config
from tests.orchestration.records import Records
from tests.support import DAY_1, DAY_2, Home, Template, entered, ledgerctl

B = "pipeline_b_controls"
RANGE = {
    "dagster/asset_partition_range_start": str(DAY_1),
    "dagster/asset_partition_range_end": str(DAY_2),
}


def execute(job: dg.JobDefinition, instance: dg.DagsterInstance, **options: Any) -> dg.DagsterRun:
    """Make a run as it was asked for; it is expected to fail."""
    result = job.execute_in_process(instance=instance, raise_on_error=False, **options)
    assert not result.success
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    return run


def said(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str]:
    """Words of a run's failed operations."""
    found = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    data = [record.get_dagster_event().step_failure_data for record in found]
    return [str(d.user_failure_data.description) for d in data if d.user_failure_data]


@pytest.mark.parametrize("job", BY_JOB)
def test_the_launchpad_has_one_form_with_safe_defaults(job: str) -> None:
    """INV-17: all parameters once, blank, in any job; no operation has a form of its own."""
    definition = defs.resolve_job_def(job)
    filled = dg.validate_run_config(definition, {})
    assert filled["resources"]["parameters"]["config"] == dict.fromkeys(RunParameters.model_fields, "")
    assert not [op for op in filled["ops"].values() if op.get("config")]
    for op in definition.nodes:
        with pytest.raises(dg.DagsterInvalidConfigError):
            dg.validate_run_config(definition, {"ops": {op.name: {"config": {"run_id": "x"}}}})


def test_a_run_from_the_code_server_is_refused_before_anything_is_written(
    records: Records, no_spark: Callable[[], int]
) -> None:
    """INV-17: a launchpad's config, loaded as a run worker loads it; each operation says the same, none starts Spark."""
    from dagster._core.definitions.reconstruct import ReconstructableRepository

    repository = ReconstructableRepository.for_module("orchestration.definitions", "defs", str(ROOT))
    with dg.execute_job(
        repository.get_reconstructable_job(B),
        instance=records.instance,
        run_config=as_run_config({"rule_load_mode": "sometimes"}),
        tags={"dagster/partition": str(DAY_1)},
        raise_on_error=False,
    ) as result:
        run = records.instance.get_run_by_id(result.run_id)
    assert run is not None
    (reason,) = said(records.instance, run)  # of the gate; nothing after it starts
    assert "parameter rule_load_mode: 'sometimes' is unknown" in reason
    assert no_spark() == 0


def test_one_pipeline_s_refusal_stops_every_pipeline_of_a_run(
    records: Records, no_spark: Callable[[], int]
) -> None:
    """INV-17: materialized together from the asset graph; C does not take it, so Silver and B do nothing."""
    job = defs.resolve_implicit_global_asset_job_def()
    jobs = [defs.resolve_job_def(pipeline.job) for pipeline in (PIPELINE_SILVER, *CONTROLS)]
    assets = [key for each in jobs for key in each.asset_layer.selected_asset_keys]
    run = execute(
        job,
        records.instance,
        run_config=as_run_config({"rule_load_mode": "strict"}),
        partition_key=str(DAY_1),
        asset_selection=assets,
    )
    reasons = said(records.instance, run)
    assert len(reasons) >= 1
    assert all("parameter rule_load_mode: pipeline_c does not take it" in reason for reason in reasons)
    assert no_spark() == 0


@pytest.mark.parametrize("job", ["bronze_ingest", *BY_JOB])
def test_a_range_of_days_in_a_single_run_is_refused(
    records: Records, no_spark: Callable[[], int], job: str
) -> None:
    """INV-17: no day is marked as done, and nobody records a failure of the default day afterwards."""
    run = execute(defs.resolve_job_def(job), records.instance, tags=RANGE)
    reasons = said(records.instance, run)
    assert all(
        f"{DAY_1} to {DAY_2} was asked for in a single run -> launch one run per day" in r for r in reasons
    )
    assert reasons
    assert no_spark() == 0
    decided = finalizer_requests(records.instance, LedgerResource(), run, "why")
    assert isinstance(decided, dg.SkipReason)
    for key in defs.resolve_asset_graph().materializable_asset_keys:
        assert not records.instance.get_materialized_partitions(key)


def test_the_ui_makes_one_run_per_day() -> None:
    """INV-23: with the policy it does not offer the single run."""
    graph = defs.resolve_asset_graph()
    nodes = [graph.get(key) for key in graph.materializable_asset_keys if graph.get(key).is_partitioned]
    assert {node.backfill_policy for node in nodes} == {dg.BackfillPolicy.multi_run(1)}


def test_runs_are_found_by_their_run_id(day_1: Template) -> None:
    """INV-31: as given by parameter; nothing waits for a retry of a command's run, which Dagster cannot make."""
    with entered(day_1.home), dagster_instance() as instance:
        runs = instance.get_runs(dg.RunsFilter(tags={RUN_ID_TAG: "r1"}))
    assert {run.job_name for run in runs} == set(BY_JOB)
    assert {run.tags["dagster/max_retries"] for run in runs} == {"0"}


def test_a_run_without_a_run_id_is_found_by_its_root(
    after_day_1: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-31: launched by a schedule, a backfill or in the launchpad; B is refused here, and is found all the same.

    Its parameters are resolved once for all that its operations ask.
    """
    resolved: list[str] = []

    def counted(pipeline: Pipeline, *given: Any, **named: Any) -> ResolvedRun:
        resolved.append(pipeline.name)
        return resolve(pipeline, *given, **named)

    monkeypatch.setattr("assets.parameters.resolve", counted)
    with dagster_instance() as instance:
        run = execute(defs.resolve_job_def(B), instance, partition_key=str(DAY_2))
        assert run.tags[RUN_ID_TAG] == run.run_id
        assert resolved == ["pipeline_b"]
        named = execute(
            defs.resolve_job_def(B),
            instance,
            partition_key=str(DAY_2),
            run_config=as_run_config({"run_id": "incident-8"}),
            tags={RUN_ID_TAG: "copied"},
        )
        assert named.tags[RUN_ID_TAG] == "incident-8"
    assert len([r for r in after_day_1.rows("gold.pipeline_run_log") if r["run_id"] == "incident-8"]) == 1


@pytest.mark.parametrize("kind", ["missing", "file"])
@pytest.mark.parametrize(
    "command",
    [
        ("day", DAY_1),
        ("ingest", DAY_1),
        ("backfill", "--from", DAY_1, "--to", DAY_1),
        ("run", "pipeline_a_guardrail", "--partition", DAY_1),
        ("run", "pipeline_silver_materialization", "--partition", DAY_1),
    ],
    ids=lambda command: " ".join(map(str, command[:2])),
)
def test_a_landing_that_is_no_folder_is_no_day_without_files(
    home: Home, no_spark: Callable[[], int], command: tuple[object, ...], kind: str
) -> None:
    """INV-28: a typo is one line with the setting's name, exit 2; nothing is created."""
    home.root.mkdir(parents=True, exist_ok=True)
    if kind == "file":
        home.landing.write_text("")
    done = ledgerctl(*command)
    assert done.code == 2
    assert f"lakehouse.landing: {home.landing} " in done.err
    assert {"missing": "does not exist", "file": "is not a folder"}[kind] in done.err
    assert no_spark() == 0
    assert not home.landing.is_dir()


@pytest.mark.parametrize("pipeline", [p for p in PIPELINES if p.loads_landing], ids=lambda p: p.name)
def test_a_landing_that_went_away_fails_the_run(
    records: Records, home: Home, no_spark: Callable[[], int], pipeline: Pipeline
) -> None:
    """INV-28: also a scheduled one."""
    run = execute(defs.resolve_job_def(pipeline.job), records.instance, partition_key=str(DAY_1))
    assert [r for r in said(records.instance, run) if "lakehouse.landing" in r and "does not exist" in r]
    assert no_spark() == 0
    assert not Path(home.landing).exists()
