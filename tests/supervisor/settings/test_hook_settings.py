"""Hooks come from flags, variables and the user's config; wrong ones name their place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from codexlab.cli.launch.flags import read_invocation
from codexlab.supervisor import DEFAULT_HOOK_TIMEOUT, HookCommand
from codexlab.supervisor.settings.errors import SettingError
from codexlab.supervisor.settings.files import ConfigError, ConfigFile, read_config
from codexlab.supervisor.settings.hooks import read_hooks

KNOWN = frozenset({"hooks", "timeout"})


@pytest.fixture
def config(scratch: Path) -> Path:
    return scratch / "config.toml"


def hooks(
    config: Path, text: str, flags: Mapping[str, str | None] | None = None, **environ: str
) -> tuple[dict[str, HookCommand], float]:
    config.write_text(text)
    none = dict.fromkeys(("after_create", "before_run", "after_run", "timeout"))
    return read_hooks({**none, **(flags or {})}, environ, read_config(config, KNOWN, KNOWN))


def test_a_command_is_a_text_for_the_shell_or_a_list_of_words(config: Path) -> None:
    text = "[hooks]\nbefore_run = 'make deps'\nafter_run = ['notify', 'me']\ntimeout = '2m'\n"
    assert hooks(config, text) == (
        {"before_run": "make deps", "after_run": ("notify", "me")},
        120.0,
    )


def test_without_a_table_there_is_none(config: Path) -> None:
    assert hooks(config, "") == ({}, DEFAULT_HOOK_TIMEOUT)


def test_flags_win_over_variables_and_those_over_the_config(config: Path) -> None:
    text = "[hooks]\nafter_create = 'c'\nbefore_run = 'c'\nafter_run = 'c'\ntimeout = 9\n"
    variables = {
        "CODEXLAB_HOOK_BEFORE_RUN": "v",
        "CODEXLAB_HOOK_AFTER_RUN": "v",
        "CODEXLAB_HOOK_AFTER_CREATE": "",
        "CODEXLAB_HOOK_TIMEOUT": "8s",
    }
    found, limit = hooks(config, text, {"after_run": "f", "timeout": "7s"}, **variables)
    assert found == {"after_create": "c", "before_run": "v", "after_run": "f"}
    assert limit == 7


def test_an_empty_flag_switches_a_hook_off(config: Path) -> None:
    assert hooks(config, "[hooks]\nbefore_run = 'c'\n", {"before_run": ""})[0] == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hooks = 3\n", "config.toml:1: hooks: expected a table"),
        ("[hooks]\nbefor_run = 'x'\n", "2: hooks.befor_run: no such setting; expected one of"),
        ("\nhooks.before_run = 3\n", "config.toml:2: hooks.before_run: expected a command"),
        ("[hooks]\n\nbefore_run = ''\n", "config.toml:3: hooks.before_run: expected a command"),
        ("[hooks]\nafter_run = []\n", "config.toml:2: hooks.after_run: expected a command"),
        ("[hooks]\nafter_run = ['a', 1]\n", "config.toml:2: hooks.after_run: expected a command"),
        ('[hooks]\nbefore_remove = "a\\u0000b"\n', "2: hooks.before_remove: expected a command"),
        ("timeout = 1\n[hooks]\ntimeout = 0\n", "3: hooks.timeout: expected a duration above 0"),
        ("hooks = {timeout = 'soon'}\n", "1: hooks.timeout: expected a duration above 0"),
    ],
)
def test_a_wrong_table_names_file_line_key_and_what_was_expected(
    config: Path, text: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        hooks(config, text)
    assert said in str(caught.value)


def test_a_wrong_flag_or_variable_is_named_as_it_was_written(config: Path) -> None:
    with pytest.raises(SettingError, match=r"^--hook-timeout: expected a duration above 0 .*'x'"):
        hooks(config, "", {"timeout": "x"})
    with pytest.raises(SettingError, match=r"^CODEXLAB_HOOK_BEFORE_RUN: expected a command"):
        hooks(config, "", CODEXLAB_HOOK_BEFORE_RUN="  ")


def test_a_launch_gets_the_hooks_of_launches_only(
    config: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scratch)
    config.write_text("[hooks]\nbefore_run = 'c'\nbefore_remove = 'r'\n")
    environ = {"CODEXLAB_CONFIG": str(config), "CODEXLAB_HOOK_AFTER_RUN": "v"}
    argv = ["--issue", "1", "--hook-after-create", "f", "--", "true"]
    invocation = read_invocation(argv, environ)
    assert not isinstance(invocation, int)
    assert invocation.request.hooks == {"after_create": "f", "before_run": "c", "after_run": "v"}
    assert invocation.request.hook_timeout == DEFAULT_HOOK_TIMEOUT


def test_a_key_is_found_in_its_own_table(scratch: Path) -> None:
    text = "timeout = 1\n[gc]\nidle = 1\n[hooks]\nidle = 2\n  'timeout' = 3\n"
    config = ConfigFile(scratch / "c", {}, text)
    assert config.line_of("timeout") == 1
    assert config.line_of("timeout", "hooks") == 6
    assert config.line_of("idle", "hooks") == 5
    assert config.line_of("missing", "hooks") == 4
