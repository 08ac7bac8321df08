"""The one resource of the assets: settings, lakehouse, clock and salt, each resolved when it is used."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import dagster as dg

from configs.settings import Settings, load_settings
from ledger.errors import SecretError
from ledger.lakehouse import Lakehouse
from resources.spark import spark_session

_SALT_VARIABLE = "ANON_USER_KEY_SALT"
_LOCAL_SALT = "local-salt-v1"


class LedgerResource(dg.ConfigurableResource[None]):
    """Settings are read when a step runs, so one code location serves whatever environment it is started in."""

    def settings(self) -> Settings:
        return load_settings()

    def lakehouse(self, settings: Settings) -> Lakehouse:
        """The tables of the environment; starts Spark on first use in a process."""
        return Lakehouse(
            spark_session(settings.spark),
            warehouse=settings.resolved(settings.lakehouse.warehouse),
            catalog=settings.lakehouse.catalog,
        )

    def now(self) -> datetime:
        return datetime.now(UTC)

    def salt(self, settings: Settings) -> str:
        """The mart's salt: environment, else secret scope, else (outside Databricks only) the local one.

        Raises :class:`SecretError` where a real one is required and missing; the value is never logged.
        """
        if _SALT_VARIABLE in os.environ:
            value = os.environ[_SALT_VARIABLE]
        elif settings.spark.engine == "databricks":
            value = _secret(settings)
        else:
            value = _LOCAL_SALT
        if not value.strip():
            raise SecretError(
                "the salt of the anonymized mart is blank",
                action=f"set {_SALT_VARIABLE} or the secret scope's key",
            )
        return value


def _secret(settings: Settings) -> str:
    scope, key = settings.analytics.secret_scope, settings.analytics.secret_key
    if not scope or not key:
        raise SecretError(
            "no salt for the anonymized mart", action="set analytics.secret_scope and analytics.secret_key"
        )
    try:
        from databricks.sdk.runtime import dbutils  # exists on a cluster only

        return str(dbutils.secrets.get(scope, key))
    except Exception as error:
        raise SecretError(
            f"the secret {scope}/{key} cannot be read: {type(error).__name__}",
            action="grant the job's principal READ on the scope",
        ) from None
