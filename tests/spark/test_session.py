"""The JVM session: one per process, its settings from the configuration, and what it must not be started without."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from configs.settings import SETTING_PREFIX, load_settings
from ledger.errors import SettingsError
from resources.spark_jvm import java_version, jvm_conf
from tests.jvm import require_java


def test_master_and_conf_come_from_the_settings() -> None:
    environ = {
        f"{SETTING_PREFIX}SPARK__ENGINE": "spark",
        f"{SETTING_PREFIX}SPARK__MASTER": "spark://somewhere:7077",
        f"{SETTING_PREFIX}SPARK__CONF": '{"spark.executor.memory": 3g}',
    }
    spark = load_settings(environ).spark
    assert (spark.engine, spark.master) == ("spark", "spark://somewhere:7077")
    assert spark.conf == {"spark.executor.memory": "3g"}


@pytest.fixture
def fake_java(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """An environment whose java prints the given version line and does nothing else."""

    def made(printed: str) -> dict[str, str]:
        program = tmp_path / "bin" / "java"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\necho '{printed}' >&2\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return {"JAVA_HOME": str(tmp_path)}

    return made


@pytest.mark.parametrize(
    ("printed", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "25-ea"', 25),
        ("not a java", None),
    ],
)
def test_the_java_version_is_read(
    fake_java: Callable[[str], dict[str, str]], printed: str, major: int | None
) -> None:
    assert java_version(fake_java(printed)) == major


def test_java_home_wins_over_the_path_and_neither_is_none(tmp_path: Path) -> None:
    assert java_version({"JAVA_HOME": str(tmp_path), "PATH": os.environ["PATH"]}) is None
    assert java_version({"PATH": str(tmp_path)}) is None


def test_settings_reach_the_session_and_win(
    fake_java: Callable[[str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", fake_java('openjdk version "17.0.15"')["JAVA_HOME"])
    given = {"spark.sql.shuffle.partitions": "9", "spark.executor.memory": "3g"}
    conf = jvm_conf("spark://somewhere:7077", 1500, given)
    assert conf["spark.master"] == "spark://somewhere:7077"
    assert conf["spark.driver.memory"] == "1500m"
    assert {key: conf[key] for key in given} == given
    assert conf["spark.ui.enabled"] == conf["spark.ui.showConsoleProgress"] == "false"


def test_an_old_java_is_refused_before_anything_starts(
    fake_java: Callable[[str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", fake_java('java version "1.8.0_392"')["JAVA_HOME"])
    with pytest.raises(SettingsError, match="spark.engine spark needs a Java 17 or newer, found 8"):
        jvm_conf("local[2]", 1024, {})


def test_under_ci_a_missing_java_is_a_failure_and_elsewhere_a_skip(tmp_path: Path) -> None:
    """INV-45."""
    nothing = {"PATH": str(tmp_path)}
    with pytest.raises(pytest.fail.Exception):
        require_java({**nothing, "CI": "true"})
    with pytest.raises(pytest.skip.Exception):
        require_java(nothing)
