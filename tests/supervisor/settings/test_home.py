"""Without a home directory nothing is made in the root of the filesystem, or anywhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.commands import CODEXLAB
from support.lab import Lab
from support.users.unprivileged import Unprivileged, become

_PROGRAM = str(CODEXLAB)
# Of nobody's; an entry of it would be a curious accident.
_NAMELESS = 54321


@pytest.fixture
def homeless(lab: Lab) -> Lab:
    """A caller whose files all lie below HOME."""
    for name in [name for name in lab.environ if name.startswith(("XDG_", "CODEX"))]:
        del lab.environ[name]
    return lab


@pytest.mark.parametrize("home", ["", "relative", "\x1b[31m"])
def test_a_home_that_is_no_absolute_path_is_one_line_and_nothing_is_made(
    homeless: Lab, home: str
) -> None:
    homeless.environ["HOME"] = home
    before = sorted(os.listdir(homeless.cwd))
    commands = [[_PROGRAM, "ps"], homeless.argv(["--issue", "1"], ["true"])]
    for command in commands:
        done = homeless.call(command)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (125, "", 1)
        assert f"HOME is {home!r}; set HOME" in done.stderr
    assert sorted(os.listdir(homeless.cwd)) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without an entry")
@pytest.mark.parametrize("words", [["ps"], ["workspace", "list"], ["artifacts", "status"]])
def test_a_user_without_an_entry_is_told_to_set_home(
    as_nobody: Unprivileged, homeless: Lab, words: list[str]
) -> None:
    del as_nobody  # it is there if such a user can run anything here
    del homeless.environ["HOME"]
    for command in ([_PROGRAM, *words], homeless.argv(["--issue", "1"], ["true"])):
        done = homeless.call(become(_NAMELESS, command), cwd=Path("/"))
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (125, "", 1), done.stderr
        assert f"HOME is not set, and user id {_NAMELESS} has no home" in done.stderr
