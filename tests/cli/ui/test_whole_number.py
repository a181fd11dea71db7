"""A word in the place of a number, or a number out of bounds, is told in plain words."""

from __future__ import annotations

import pytest
from support.lab import Lab


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("search", "text", "-j", "x"), "expected a whole number from 1 to 64, not 'x'"),
        (("search", "text", "-j", "99"), "expected a whole number from 1 to 64, not '99'"),
        (("search", "text", "-C", "-1"), "expected a whole number from 0 to 100, not '-1'"),
        (("list", "--limit", "x"), "expected a whole number, 1 or more, not 'x'"),
        (("list", "--limit", "0"), "expected a whole number, 1 or more, not '0'"),
        (("stats", "--top", "1.5"), "expected a whole number, 1 or more, not '1.5'"),
    ],
)
def test_what_is_no_number_of_things_is_told_with_what_is_expected(
    lab: Lab, words: tuple[str, ...], said: str
) -> None:
    done = lab.codexlab("rollout", *words)
    assert done.returncode == 125
    assert f"{said}; see codexlab rollout {words[0]} --help" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("value", ["x", "-1", "nan", ""])
@pytest.mark.parametrize("command", ["status", "clean"])
def test_what_is_no_number_of_seconds_is_told_with_what_is_expected(
    lab: Lab, command: str, value: str
) -> None:
    done = lab.codexlab("artifacts", command, f"--seconds={value}")
    assert done.returncode == 125
    assert f"'--seconds': expected a number of seconds, 0 or more, not {value!r};" in done.stderr
    assert done.stderr.count("\n") == 1
