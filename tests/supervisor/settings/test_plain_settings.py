"""What is read without the validating library is what that library reads."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexlab.kernel.errors import CallerError
from codexlab.supervisor.settings.files import ConfigFile
from codexlab.supervisor.settings.kinds import PREFIX
from codexlab.supervisor.settings.model import LaunchSettings, validate
from codexlab.supervisor.settings.plain import read_plainly
from codexlab.supervisor.settings.table import BY_NAME

_FIELDS = sorted(BY_NAME)
_WORDS = (
    *("", "0", "1", "-1", "+1", "007", " 1", "1 ", "1_0", "1.5", "1.", ".5", "1e3", "inf", "nan"),
    *("10s", "5m", "1500ms", "1h30m", "forever", "512M", "2g", "2GiB", "1,75", "0,1", "256", ","),
    *("true", "True", "yes", "off", "codex", "Codex", "agent", "all", "shared", "subreaper"),
    *("A,B_*", "A=b", "a/b", "~", ".", "ü", "\udcff", "\u0661", "9" * 30, "[]", '{"A": "b"}'),
)
_VARIABLES = st.sampled_from([word for word in _WORDS if "\udcff" not in word])
_VALUES = st.one_of(
    st.sampled_from(_WORDS),
    st.integers(-1, 300),
    st.floats(),
    st.booleans(),
    st.lists(st.one_of(st.sampled_from(_WORDS), st.integers(0, 300)), max_size=2),
    st.dictionaries(st.sampled_from(["A", "B"]), st.sampled_from(_WORDS), max_size=1),
)
_NAMES = st.sampled_from(_FIELDS)
_TABLE = st.dictionaries(st.one_of(_NAMES, st.sampled_from(["gc", "hooks"])), _VALUES, max_size=3)


@given(
    flags=st.dictionaries(_NAMES, st.one_of(st.sampled_from(_WORDS), st.just(True)), max_size=3),
    variables=st.dictionaries(_NAMES, _VARIABLES, max_size=3),
    files=st.tuples(_TABLE, _TABLE),
)
def test_what_is_read_plainly_is_what_the_library_reads(
    flags: Mapping[str, Any],
    variables: Mapping[str, str],
    files: tuple[Mapping[str, Any], ...],
) -> None:
    environ = {PREFIX + name.upper(): value for name, value in variables.items()}
    plain = read_plainly(flags, environ, files)
    if plain is not None:
        assert plain == by_the_library(flags, environ, files)


@pytest.mark.parametrize("source", ["flag", "variable", "file"])
def test_each_setting_alone_is_read_alike_from_each_source(source: str) -> None:
    more: tuple[Any, ...] = (1, 0.5, True, ["1", "A"], {"A": "b"}) if source == "file" else ()
    for name, value in itertools.product(_FIELDS, (*_WORDS, *more)):
        flags = {name: value} if source == "flag" else {}
        environ = {PREFIX + name.upper(): value} if source == "variable" else {}
        files = ({name: value} if source == "file" else {},)
        plain = read_plainly(flags, environ, files)
        if plain is not None:
            assert plain == by_the_library(flags, environ, files), (name, value)


def by_the_library(
    flags: Mapping[str, Any], environ: Mapping[str, str], files: tuple[Mapping[str, Any], ...]
) -> dict[str, Any] | str:
    """Return what it reads, or its complaint."""
    with pytest.MonkeyPatch.context() as patch:
        for name in tuple(os.environ):
            if name.upper().startswith(PREFIX):
                patch.delenv(name)
        for name, value in environ.items():
            patch.setenv(name, value)
        named = tuple(ConfigFile(Path(f"{number}.toml"), file) for number, file in enumerate(files))
        try:
            return validate(flags, environ, named)
        except CallerError as error:
            return str(error)


@pytest.mark.parametrize(
    ("flags", "environ"),
    [
        ({}, {}),
        ({"issue": "1", "timeout": "1h", "no_repo": True}, {"CODEXLAB_WORKSPACES_ROOT": "/w"}),
        ({"retries": "2", "retry_on": "1,75", "agent": "codex"}, {"CODEXLAB_WAIT": "forever"}),
        ({"memory_max": "2G", "cpu_max": "1.5", "pids_max": "64"}, {"CODEXLAB_RUN_ID": "outer"}),
    ],
)
def test_usual_settings_are_read_plainly(flags: dict[str, Any], environ: dict[str, str]) -> None:
    assert read_plainly(flags, environ, ({}, {"grace": "5s", "gc": {}})) is not None


def test_a_variable_in_lower_case_is_left_to_the_library() -> None:
    assert read_plainly({}, {"codexlab_timeout": "5s"}, ()) is None


def test_model_and_values_name_the_same_settings() -> None:
    assert sorted(LaunchSettings.model_fields) == _FIELDS


def test_a_usual_launch_does_not_load_the_library() -> None:
    program = (
        "import sys; from codexlab.cli.launch.flags import read_invocation;"
        "read_invocation(['--issue', '1', '--timeout', '1h', '--', 'true'], {'HOME': '/'});"
        "sys.exit(','.join(sys.modules.keys() & {'pydantic', 'asyncio', 'trio', 'tomlkit'}))"
    )
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, stderr=subprocess.PIPE, text=True
    )
    assert (done.returncode, done.stderr) == (1, "\n")
