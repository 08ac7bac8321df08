"""The ledger as the host sees it under the Databricks engine: whatever needs it runs on Databricks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from configs.settings import SETTING_PREFIX, Settings
from ledger.delta.lakehouse import Lakehouse
from ledger.errors import LedgerError, SecretError, SettingsError
from resources import told
from resources.dagster_internals import DagsterEvent, StepExecutionContext, StepLauncher
from resources.databricks.code_package import ALLOWED
from resources.databricks.preflight import refuse_unsafe
from resources.ledger import SALT_VARIABLE, SECRET_TAG, LedgerResource
from resources.parameters import given_to, tag_with_run_id

REMOTE_MARK = "LEDGER_REMOTE_STEP"


class DatabricksLedger(LedgerResource, StepLauncher):
    """Bound under the name that every op, asset and check requires, so none can run on the host by mistake.

    Dagster asks a step's resources for a launcher; on the cluster the plain :class:`LedgerResource` is bound.
    """

    code: ClassVar[Sequence[tuple[str, str]]] = ALLOWED

    def lakehouse(self, settings: Settings) -> Lakehouse:
        raise SettingsError(
            "there is no Spark on the host of the databricks engine",
            action="read the tables with SQL, or use a job",
        )

    def salt(self, settings: Settings) -> str:
        raise SecretError("the salt never comes to the host", action="read it in a step")

    def launch_step(self, step_context: StepExecutionContext) -> Iterator[DagsterEvent]:
        """Refuse what must not run, then launch."""
        import dagster as dg

        from resources.databricks.credentials import credentials
        from resources.databricks.launcher import DatabricksStepLauncher

        settings, run = self.settings(), step_context.dagster_run
        parameters = given_to(run.run_config)
        run_id = parameters.get("run_id", "").strip() or run.root_run_id or run.run_id
        tag_with_run_id(step_context.instance, run, run_id)
        try:
            refuse_unsafe(settings, os.environ, parameters)
            launcher = DatabricksStepLauncher(
                settings.databricks,
                credentials(settings.databricks, os.environ),
                environment=remote_environment(os.environ),
                environment_name=settings.environment,
                code=self.code,
            )
        except (LedgerError, ValueError) as error:
            raise dg.Failure(told.text(error), allow_retries=False) from told.original(error)
        yield from launcher.launch_step(step_context, secrets=step_secrets(settings, step_context))


def remote_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Environment of the step's process: the environment's name and settings, never a credential."""
    workspace = f"{SETTING_PREFIX}DATABRICKS__"
    told = {k: v for k, v in environ.items() if k.startswith(SETTING_PREFIX) and not k.startswith(workspace)}
    return {**told, "PIPELINE_ENV": environ.get("PIPELINE_ENV", ""), REMOTE_MARK: "1"}


def step_secrets(settings: Settings, context: StepExecutionContext) -> list[dict[str, str]]:
    """The salt's place, for the step whose op asks for it."""
    scope, key = settings.analytics.secret_scope, settings.analytics.secret_key
    if context.op.tags.get(SECRET_TAG) != SALT_VARIABLE or not (scope and key):
        return []
    return [{"name": SALT_VARIABLE, "scope": scope, "key": key}]
