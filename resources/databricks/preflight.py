"""Refusals before anything is staged or submitted (spec sections 7 and 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from configs.settings import Settings
from ledger.errors import ParameterError, SettingsError
from resources.ledger import SALT_VARIABLE


def refuse_unsafe(settings: Settings, environ: Mapping[str, str], parameters: Mapping[str, Any]) -> None:
    """Raise :class:`SettingsError` or :class:`ParameterError` for what production must never run with."""
    if not settings.is_prod:
        return
    if str(parameters.get("rule_load_mode", "")).strip() == "fallback":
        raise ParameterError(
            "parameter rule_load_mode: production accepts only strict",
            action="correct it; nothing was started",
        )
    problems = {
        f"{SALT_VARIABLE} is set on the host; the salt lives in the secret scope alone": SALT_VARIABLE
        in environ,
        "analytics.secret_scope and analytics.secret_key are required": not (
            settings.analytics.secret_scope and settings.analytics.secret_key
        ),
        "databricks.auth is token; use a service principal (oauth or azure)": settings.databricks.auth
        == "token",
        "DATABRICKS_TOKEN is set; a personal token must not run production": "DATABRICKS_TOKEN" in environ,
        "lakehouse.catalog is missing; production tables have three-level names": not settings.lakehouse.catalog,
        "databricks.staging is DBFS, which every user of the workspace can write": settings.databricks.staging.kind
        == "dbfs",
    }
    found = [problem for problem, holds in problems.items() if holds]
    if found:
        raise SettingsError(
            "production refuses to start: " + "; ".join(found), action="correct configs/prod.yaml or the host"
        )
