"""Flags that exclude each other are refused together, in every command that takes them."""

from __future__ import annotations

import pytest
from support.commands import codexlab


@pytest.mark.parametrize(
    ("command", "first", "second"),
    [
        ("rollout list", "--active", "--archived"),
        ("rollout search hello", "--archived", "--active"),
        ("rollout stats", "--active", "--archived"),
        ("workspace path 1", "--top", "--home"),
        ("workspace path 1", "--home", "--context"),
    ],
)
def test_two_of_them_are_one_line_that_names_both(
    clean_environ: dict[str, str], command: str, first: str, second: str
) -> None:
    done = codexlab(clean_environ, *command.split(), first, second)
    said = f"{command.split()[0]} {command.split()[1]} --help\n"
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (125, "", 1)
    assert first in done.stderr
    assert second in done.stderr
    assert done.stderr.endswith(f"see codexlab {said}")
