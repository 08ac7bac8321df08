"""The one resource of the assets: settings, lakehouse, clock and salt, each resolved when it is used."""

from __future__ import annotations

import logging
import os
import stat
from datetime import UTC, datetime

import dagster as dg

from configs.settings import Settings, load_settings
from ledger.delta.lakehouse import Lakehouse
from ledger.errors import SecretError, SettingsError
from resources.pseudonyms import pseudonym
from resources.salt import SALT_VARIABLE
from resources.spark import spark_session

__all__ = ["NEEDS_SALT", "RUN_STARTED_TAG", "SALT_VARIABLE", "SECRET_TAG", "LedgerResource"]
# A launched step that carries this op tag gets the salt into its environment; no other step sees it.
SECRET_TAG = "ledger/secret"
NEEDS_SALT = {SECRET_TAG: SALT_VARIABLE}
# When the run began, told to steps whose own Dagster instance has no history.
RUN_STARTED_TAG = "ledger/run_started"
_LOCAL_SALT = "local-salt-v1"
_SHORTEST_SALT_BYTES = 16
logger = logging.getLogger("ledger.salt")


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
            name_user=pseudonym,
        )

    def now(self) -> datetime:
        return datetime.now(UTC)

    def salt(self, settings: Settings) -> str:
        """The mart's salt: environment, else secret scope, else (outside production and Databricks) the local one.

        Blank counts as missing. Raises :class:`SecretError` where a real one is required; the value is never logged,
        nor is any part of it in an error.
        """
        given = os.environ.get(SALT_VARIABLE, "")
        if not given.strip() and settings.spark.engine == "databricks":
            return _refuse_weak(_secret(settings), settings)
        if given.strip():
            return _refuse_weak(given, settings)
        if settings.is_prod:
            raise SecretError(
                "production has no salt for the anonymized mart, and the local one is public",
                action=f"set {SALT_VARIABLE} to at least {_SHORTEST_SALT_BYTES} secret bytes",
            )
        logger.warning("%s is not set: the local salt is used, which is public", SALT_VARIABLE)
        return _LOCAL_SALT


def landing_root(settings: Settings) -> str:
    """The landing's root; raises :class:`SettingsError` for one that is no folder: a typo is no day without files.

    What lies behind a URI, or is to be seen from a cluster alone, is left to whoever reads it.
    """
    root = settings.resolved(settings.lakehouse.landing)
    if "://" in root or settings.spark.engine == "databricks":
        return root
    try:
        problem = "" if stat.S_ISDIR(os.stat(root).st_mode) else "is not a folder"
    except FileNotFoundError:
        problem = "is a link to nothing" if os.path.islink(root) else "does not exist"
    except OSError as error:
        problem = f"cannot be reached: {error.strerror}"
    if problem:
        raise SettingsError(
            f"lakehouse.landing: {root} {problem}",
            action="correct the setting, mount the folder, give access to it or create it; an empty one is fine",
        )
    return root


def _refuse_weak(salt: str, settings: Settings) -> str:
    """The salt; raises :class:`SecretError` for one that is no text, and in production for one that can be guessed."""
    try:
        length = len(salt.strip().encode())
    except UnicodeEncodeError:
        raise SecretError("the salt of the anonymized mart is not UTF-8", action="set another one") from None
    if settings.is_prod and length < _SHORTEST_SALT_BYTES:
        raise SecretError(
            f"the salt of the anonymized mart is shorter than {_SHORTEST_SALT_BYTES} bytes",
            action="set a longer one, such as `openssl rand -hex 32` makes",
        )
    return salt


def _secret(settings: Settings) -> str:
    scope, key = settings.analytics.secret_scope, settings.analytics.secret_key
    if not scope or not key:
        raise SecretError(
            "no salt for the anonymized mart", action="set analytics.secret_scope and analytics.secret_key"
        )
    try:
        from databricks.sdk.runtime import dbutils  # exists on a cluster only

        value = str(dbutils.secrets.get(scope, key))
    except Exception as error:
        raise SecretError(
            f"the secret {scope}/{key} cannot be read: {type(error).__name__}",
            action="grant the job's principal READ on the scope",
        ) from None
    if not value.strip():
        raise SecretError(f"the secret {scope}/{key} is blank", action="put the salt into the secret scope")
    return value
