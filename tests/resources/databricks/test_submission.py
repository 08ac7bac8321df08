"""The submitted run: cluster, libraries, permissions, names; and the code that goes along."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from configs.databricks import DatabricksSettings
from configs.settings import ROOT, load_settings
from ledger.errors import SettingsError
from resources.databricks.code_package import ALLOWED, code_zip
from resources.databricks.submission import StepAttempt, submission

_ATTEMPT = StepAttempt("pipeline_b_controls", "prod", "run-1", "pipeline_b_recon", 2, 3)


def _settings(**cluster: Any) -> DatabricksSettings:
    given = load_settings({"PIPELINE_ENV": "prod"}).databricks.model_dump()
    return DatabricksSettings.model_validate(given | {"cluster": given["cluster"] | cluster})


def _task(**cluster: Any) -> dict[str, Any]:
    request = submission(_ATTEMPT, _settings(**cluster), python_file="/Volumes/a/b/c/x.py", parameters=["p"])
    (task,) = request["tasks"]
    found: dict[str, Any] = task.as_dict()
    return found


def test_a_new_cluster_has_the_policy_the_autoscale_and_the_tags() -> None:
    cluster = _task(policy_id="ABC")["new_cluster"]
    assert (cluster["policy_id"], cluster["autoscale"]) == ("ABC", {"min_workers": 1, "max_workers": 2})
    assert cluster["data_security_mode"] == "SINGLE_USER"
    assert cluster["custom_tags"] == {
        "pipeline": "pipeline_b_controls",
        "env": "prod",
        "dagster_run_id": "run-1",
        "dagster_step": "pipeline_b_recon",
        "attempt": "2",
        "max_attempts": "3",
    }


def test_an_existing_cluster_and_a_pool_are_used_as_they_are() -> None:
    task = _task(kind="existing", existing_cluster_id="0801-x")
    assert task["existing_cluster_id"] == "0801-x"
    assert "new_cluster" not in task
    pooled = _task(kind="pool", instance_pool_id="pool-1")["new_cluster"]
    assert pooled["instance_pool_id"] == "pool-1"
    assert "node_type_id" not in pooled


def test_a_cluster_without_what_its_kind_needs_is_refused() -> None:
    with pytest.raises(ValidationError, match="kind existing needs existing_cluster_id"):
        _settings(kind="existing")


def test_libraries_are_the_locked_ones_and_none_brings_pyspark() -> None:
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    packages = [library["pypi"]["package"] for library in _task()["libraries"]]
    assert packages
    assert packages == [f"{p.partition('==')[0]}=={locked[p.partition('==')[0]]}" for p in packages]
    assert "pyspark" not in _closure({p.partition("==")[0] for p in packages})


def _closure(names: set[str]) -> set[str]:
    """Everything that pip would install for these, by the metadata of what is installed here."""
    from importlib.metadata import PackageNotFoundError, requires

    found: set[str] = set()
    while names:
        name = names.pop()
        found.add(name)
        try:
            wanted = requires(name) or []
        except PackageNotFoundError:  # for another platform
            continue
        for text in wanted:
            if "extra ==" not in text:
                match = re.match(r"[A-Za-z0-9._-]+", text)
                assert match is not None
                names |= {match.group().lower().replace("_", "-")} - found
    return found


def test_the_run_says_what_it_is_and_ends_by_itself() -> None:
    request = submission(_ATTEMPT, _settings(), python_file="x", parameters=[])
    assert request["run_name"] == (
        "ledger-controls prod pipeline_b_controls pipeline_b_recon run=run-1 attempt=2/3"
    )
    assert request["timeout_seconds"] == 3600
    assert [a.as_dict() for a in request["access_control_list"]] == [
        {"group_name": "ledger-oncall", "permission_level": "CAN_VIEW"}
    ]


def test_each_attempt_has_its_own_token_of_64_characters_and_its_own_folder() -> None:
    attempts = [StepAttempt("p", "dev", "r" * 36, "a" * 200, n, 3) for n in (1, 2, 3)]
    assert {len(a.idempotency_token) for a in attempts} == {64}
    assert len({a.idempotency_token for a in attempts} | {a.folder for a in attempts}) == 6
    assert StepAttempt("p", "dev", "r", "map[0/../x]", 1, 3).folder == "r/map_0_.._x_/1"


def test_the_zip_is_the_allow_list_wherever_the_project_lies(tmp_path: Path) -> None:
    project = tmp_path / "pytest-of-somebody" / "site-packages" / ".venv"
    for name in ("ledger/a.py", "ledger/secret.env", ".env", ".git/config", "configs/dev.yaml", "data/x.csv"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(name, encoding="utf-8")
    packed = code_zip(project, [("ledger", "**/*.py"), ("configs", "*.yaml")])
    assert zipfile.ZipFile(io.BytesIO(packed)).namelist() == ["configs/dev.yaml", "ledger/a.py"]
    assert packed == code_zip(project, [("ledger", "**/*.py"), ("configs", "*.yaml")]), (
        "equal code, equal bytes"
    )


def test_an_empty_part_of_the_allow_list_stops_the_launch(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no code to send"):
        code_zip(tmp_path, ALLOWED)


def test_the_projects_own_zip_is_whole_and_small() -> None:
    names = zipfile.ZipFile(io.BytesIO(packed := code_zip(ROOT))).namelist()
    assert {"mock_data/fixtures/dim_rule_scd2.json", "configs/prod.yaml", "ledger/delta/lakehouse.py"} <= set(
        names
    )
    assert len(packed) < 1_000_000
