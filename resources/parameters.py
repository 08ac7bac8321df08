"""The parameters of a run of A, Silver, B or C: one resource, so that every operation of a run is given the same.

In the launchpad they are one form, ``resources: parameters: config:``, whatever the run executes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ledger.parameters import RunParameters

RESOURCE = "parameters"
RUN_ID_TAG = "ledger/run_id"  # finds the runs of a run id in the UI


# Plain text, where a config class would also take the name of an environment variable: what a run was asked for has
# to stand in the run itself.
@dg.resource(
    config_schema={
        name: dg.Field(str, default_value="", description=field.description)
        for name, field in RunParameters.model_fields.items()
    },
    description="The parameters of a run of A, Silver, B or C; blank means not given.",
)
def run_parameters(context: dg.InitResourceContext) -> RunParameters:
    """The run's one set of parameters."""
    return RunParameters(**context.resource_config)


def as_run_config(parameters: Mapping[str, str]) -> dict[str, Any]:
    """The parameters as the run config of whatever is launched with them."""
    return {"resources": {RESOURCE: {"config": dict(parameters)}}}


def given_to(run_config: Mapping[str, Any]) -> dict[str, str]:
    """The parameters in a run's config; none for a run that has none."""
    given = ((run_config.get("resources") or {}).get(RESOURCE) or {}).get("config") or {}
    return {str(name): str(value) for name, value in given.items()}


def tag_with_run_id(instance: dg.DagsterInstance, run: dg.DagsterRun, run_id: str) -> None:
    """Make the run findable by its run id; a copy of a run has the tag of the one it was copied from."""
    stored = instance.get_run_by_id(run.run_id)
    if stored is not None and stored.tags.get(RUN_ID_TAG) != run_id:
        instance.add_run_tags(run.run_id, {RUN_ID_TAG: run_id})
