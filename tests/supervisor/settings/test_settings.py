"""Flags > variables > project file > user config > defaults; wrong ones name their place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from codexlab.supervisor import LaunchRequest
from codexlab.supervisor.settings.errors import SettingError
from codexlab.supervisor.settings.fields import read_fields
from codexlab.supervisor.settings.files import ConfigError, find_project_file


@pytest.fixture
def files(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    for name in tuple(os.environ):
        if name.startswith("CODEXLAB_"):
            monkeypatch.delenv(name)
    (scratch / ".git").mkdir()
    (scratch / "config.toml").touch()
    return scratch / ".codexlab.toml", scratch / "config.toml"


def settings(
    files: tuple[Path, Path], flags: Mapping[str, Any] | None = None, **environ: str
) -> Any:
    environ["CODEXLAB_CONFIG"] = str(files[1])
    fields: dict[str, Any] = {
        "issue": "1",
        **read_fields(flags or {}, {}, environ, files[0].parent),
    }
    return LaunchRequest(command=("true",), **fields)


def test_without_anything_the_defaults_hold(files: tuple[Path, Path]) -> None:
    found = settings(files)
    assert (found.timeout, found.grace, found.wait, found.stdin) == (None, 10.0, 0.0, "auto")


def test_each_source_wins_over_those_below(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    files[1].write_text('timeout = "1s"\ngrace = "1s"\nbase = "user"\nstdin = "null"\n')
    assert settings(files).timeout == 1
    files[0].write_text('timeout = "2s"\nbase = "project"\n')
    assert (settings(files).timeout, settings(files).base) == (2, "project")
    monkeypatch.setenv("CODEXLAB_TIMEOUT", "3s")
    assert settings(files, CODEXLAB_TIMEOUT="3s").timeout == 3
    assert settings(files, {"timeout": "4s"}, CODEXLAB_TIMEOUT="3s").timeout == 4
    assert settings(files, CODEXLAB_TIMEOUT="3s").stdin == "null"


def test_an_empty_variable_counts_as_unset(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEXLAB_TIMEOUT", "")
    assert settings(files, CODEXLAB_TIMEOUT="").timeout is None


def test_zero_switches_a_limit_off(files: tuple[Path, Path]) -> None:
    files[0].write_text('timeout = "1s"\n')
    assert settings(files, {"timeout": "0"}).timeout is None


@pytest.mark.parametrize("key", ["stdin", "pass_env", "workspaces_root", "git_write", "events"])
def test_a_project_file_cannot_let_anything_in(files: tuple[Path, Path], key: str) -> None:
    files[0].write_text(f"\n# first\n{key} = true\n")
    with pytest.raises(ConfigError, match=f"codexlab.toml:3: {key}: a project file may set only"):
        settings(files)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("timeot = 1\n", r"config.toml:1: timeot: no such setting; did you mean timeout"),
        ('\ntimeout = "soon"\n', r"config.toml:2: timeout: expected a duration .*, not 'soon'"),
        ("no_repo = 3\n", r"config.toml:1: no_repo: expected true or false, not 3"),
        ('cargo_scope = "all"\n', r"config.toml:1: cargo_scope: expected 'shared'"),
        ("timeout = \n", r"config.toml:1: not TOML: Invalid value"),
        ("a = 1\na = 2\n", r"config.toml:2: not TOML: Cannot overwrite a value"),
    ],
)
def test_a_wrong_config_names_file_line_key_and_what_was_expected(
    files: tuple[Path, Path], text: str, said: str
) -> None:
    files[1].write_text(text)
    with pytest.raises(ConfigError, match=said):
        settings(files)


def test_a_config_that_is_no_text_or_no_file_is_refused(files: tuple[Path, Path]) -> None:
    files[1].write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=": not UTF-8"):
        settings(files)
    files[1].unlink()
    files[1].mkdir()
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        settings(files)


def test_a_wrong_flag_or_variable_is_named_as_it_was_written(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingError, match=r"^--cargo-scope: expected 'shared'"):
        settings(files, {"cargo_scope": "x"})
    monkeypatch.setenv("CODEXLAB_GRACE", "never")
    with pytest.raises(SettingError, match=r"^CODEXLAB_GRACE: expected a duration"):
        settings(files, CODEXLAB_GRACE="never")


def test_names_and_values_for_the_agent_come_from_config_or_variables(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    files[1].write_text('pass_env = ["A", "B_*"]\nset_env = {C = "d"}\n')
    assert settings(files).user_pass == ("A", "B_*")
    assert settings(files).user_set == (("C", "d"),)
    monkeypatch.setenv("CODEXLAB_PASS_ENV", "X,Y")
    assert settings(files, CODEXLAB_PASS_ENV="X,Y").user_pass == ("X", "Y")


def test_tables_of_other_commands_are_known(files: tuple[Path, Path]) -> None:
    files[1].write_text("[gc]\nx = 1\n")
    settings(files)


def test_the_project_file_is_the_one_at_the_top_of_the_checkout(scratch: Path) -> None:
    (scratch / ".git").mkdir()
    deep = scratch / "a" / "b"
    deep.mkdir(parents=True)
    assert find_project_file(deep) == scratch / ".codexlab.toml"


def test_a_program_that_embeds_us_reads_what_a_launch_reads(files: tuple[Path, Path]) -> None:
    files[0].write_text('timeout = "2s"\n')
    environ = {"CODEXLAB_CONFIG": str(files[1]), "CODEXLAB_GRACE": "3s", "HOME": "/h"}
    cwd = files[0].parent
    request = LaunchRequest.from_settings(("true",), environ, cwd, issue="1", retries="2")
    assert (request.command, request.cwd, request.environ) == (("true",), cwd, environ)
    assert (request.timeout, request.grace, request.retries) == (2, 3, 2)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"issue": "1", "timeot": "1s"}, "^timeot: no such setting"),
        ({"issue": "1", "timeout": "soon"}, "^--timeout: expected a duration"),
        ({}, "^issue: not given"),
    ],
)
def test_a_program_that_embeds_us_is_told_what_is_wrong(
    files: tuple[Path, Path], given: dict[str, str], said: str
) -> None:
    environ = {"CODEXLAB_CONFIG": str(files[1])}
    with pytest.raises(SettingError, match=said):
        LaunchRequest.from_settings(("true",), environ, files[0].parent, **given)


def test_the_library_reads_the_variables_it_is_given_not_those_of_this_process(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEXLAB_GRACE", "5s")
    assert settings(files, CODEXLAB_NO_REPO="yes").grace == 10
    assert settings(files, CODEXLAB_NO_REPO="yes").no_repo is True
