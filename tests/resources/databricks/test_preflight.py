"""Refusals on the host, before anything is staged or submitted."""

from __future__ import annotations

import dagster as dg
import pytest

from configs.settings import load_settings
from ledger.errors import LedgerError, SettingsError
from resources.databricks.credentials import credentials
from resources.databricks.ledger import remote_environment
from resources.databricks.preflight import refuse_unsafe
from tests.databricks_emulator import Emulator
from tests.databricks_emulator.emulator import CLIENT
from tests.resources.databricks.workspace import run_probe

_PRINCIPAL = {"DATABRICKS_HOST": "https://adb-1.azuredatabricks.net", "PIPELINE_ENV": "prod"}
_UNSAFE = {
    "a local salt": ({"ANON_USER_KEY_SALT": "x"}, {}, "the salt lives in the secret scope alone"),
    "no secret scope": ({"PIPELINE_CFG__ANALYTICS__SECRET_SCOPE": ""}, {}, "analytics.secret_scope"),
    "a personal token": ({"PIPELINE_CFG__DATABRICKS__AUTH": "token"}, {}, "service principal"),
    "a stray token": ({"DATABRICKS_TOKEN": "x"}, {}, "DATABRICKS_TOKEN"),
    "no catalog": ({"PIPELINE_CFG__LAKEHOUSE__CATALOG": ""}, {}, "lakehouse.catalog"),
    "DBFS": (
        {
            "PIPELINE_CFG__DATABRICKS__STAGING__KIND": "dbfs",
            "PIPELINE_CFG__DATABRICKS__STAGING__PATH": "/staging",
        },
        {},
        "DBFS",
    ),
    "fallback rules": ({}, {"rule_load_mode": "fallback"}, "rule_load_mode"),
}


@pytest.mark.parametrize(("environ", "parameters", "said"), _UNSAFE.values(), ids=_UNSAFE.keys())
def test_production_refuses(environ: dict[str, str], parameters: dict[str, str], said: str) -> None:
    environ = {**_PRINCIPAL, **environ}
    with pytest.raises(LedgerError, match=said):
        refuse_unsafe(load_settings(environ), environ, parameters)


def test_production_as_it_is_configured_is_not_refused() -> None:
    refuse_unsafe(load_settings(_PRINCIPAL), _PRINCIPAL, {"rule_load_mode": "strict"})


def test_development_may_use_a_token_and_the_fallback() -> None:
    environ = {"PIPELINE_ENV": "dev", "DATABRICKS_TOKEN": "x", "PIPELINE_CFG__DATABRICKS__AUTH": "token"}
    refuse_unsafe(load_settings(environ), environ, {"rule_load_mode": "fallback"})


def test_a_refused_step_reaches_no_workspace(
    workspace: Emulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_ENV", "prod")
    monkeypatch.setenv("ANON_USER_KEY_SALT", "local")
    ran = run_probe(workspace, instance, rule_load_mode="strict")
    assert ran.ends == ["STEP_FAILURE"]
    assert "production refuses to start" in ran.failure
    assert (workspace.requests, workspace.runs) == ([], [])


@pytest.mark.parametrize(
    ("auth", "variables", "arguments"),
    [
        ("token", {"DATABRICKS_TOKEN": "t"}, {"databricks_token": "t"}),
        (
            "oauth",
            {"DATABRICKS_CLIENT_ID": "i", "DATABRICKS_CLIENT_SECRET": "s"},
            {"oauth_credentials": {"client_id": "i", "client_secret": "s"}},
        ),
        (
            "azure",
            {"ARM_CLIENT_ID": "i", "ARM_CLIENT_SECRET": "s", "ARM_TENANT_ID": "t"},
            {
                "azure_credentials": {
                    "azure_client_id": "i",
                    "azure_client_secret": "s",
                    "azure_tenant_id": "t",
                }
            },
        ),
    ],
)
def test_credentials_come_from_the_environment(
    auth: str, variables: dict[str, str], arguments: dict[str, object]
) -> None:
    environ = {"PIPELINE_ENV": "dev", "PIPELINE_CFG__DATABRICKS__AUTH": auth, "DATABRICKS_HOST": "https://h"}
    settings = load_settings(environ).databricks
    assert credentials(settings, {**environ, **variables}) == {"databricks_host": "https://h", **arguments}
    with pytest.raises(SettingsError, match=f"the environment has no {', '.join(variables)}"):
        credentials(settings, environ)


def test_a_service_principal_signs_in_by_oauth(
    workspace: Emulator, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.tokens.clear()  # only what the OAuth endpoint hands out is good
    monkeypatch.delenv("DATABRICKS_TOKEN")
    monkeypatch.setenv("PIPELINE_CFG__DATABRICKS__AUTH", "oauth")
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", CLIENT[0])
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", CLIENT[1])
    ran = run_probe(workspace, instance)
    assert ran.success
    assert workspace.count("POST /oidc/v1/token") == 1


def test_the_step_is_told_its_settings_and_no_credential() -> None:
    told = remote_environment(
        {
            "PIPELINE_ENV": "dev",
            "PIPELINE_CFG__LAKEHOUSE__CATALOG": "ledger_dev",
            "PIPELINE_CFG__DATABRICKS__HOST": "https://h",
            "DATABRICKS_TOKEN": "t",
            "ANON_USER_KEY_SALT": "s",
            "ARM_CLIENT_SECRET": "s",
        }
    )
    assert told == {
        "PIPELINE_ENV": "dev",
        "PIPELINE_CFG__LAKEHOUSE__CATALOG": "ledger_dev",
        "LEDGER_REMOTE_STEP": "1",
    }
