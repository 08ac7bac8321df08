"""Credentials of the workspace: from the process environment, and from nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from configs.databricks import DatabricksSettings
from ledger.errors import SettingsError

# Names of the launcher's arguments, and the variables that the Databricks tools themselves use for them.
_VARIABLES: Mapping[str, Mapping[str, str]] = {
    "token": {"databricks_token": "DATABRICKS_TOKEN"},
    "oauth": {"client_id": "DATABRICKS_CLIENT_ID", "client_secret": "DATABRICKS_CLIENT_SECRET"},
    "azure": {
        "azure_client_id": "ARM_CLIENT_ID",
        "azure_client_secret": "ARM_CLIENT_SECRET",
        "azure_tenant_id": "ARM_TENANT_ID",
    },
}
_ARGUMENT = {"oauth": "oauth_credentials", "azure": "azure_credentials"}


def credentials(settings: DatabricksSettings, environ: Mapping[str, str]) -> dict[str, Any]:
    """Host and credentials as arguments of the launcher. Raises :class:`SettingsError` naming what is missing."""
    host = settings.host or environ.get("DATABRICKS_HOST", "").strip()
    variables = _VARIABLES[settings.auth]
    missing = [name for name in variables.values() if not environ.get(name, "").strip()]
    if not host:
        missing.insert(0, "DATABRICKS_HOST")
    if missing:
        raise SettingsError(
            f"databricks.auth is {settings.auth}, and the environment has no {', '.join(missing)}",
            action="set it; docs/databricks.md says where it comes from",
        )
    values = {argument: environ[name].strip() for argument, name in variables.items()}
    argument = _ARGUMENT.get(settings.auth)
    return {"databricks_host": host, **({argument: values} if argument else values)}
