"""A word in the place of a number is called so in plain words."""

from __future__ import annotations

import pytest
from support.lab import Lab


@pytest.mark.parametrize(
    "words",
    [("search", "text", "-j", "x"), ("list", "--limit", "x"), ("stats", "--top", "x")],
)
def test_a_word_is_no_whole_number(lab: Lab, words: tuple[str, ...]) -> None:
    done = lab.codexlab("rollout", *words)
    assert done.returncode == 125
    assert "'x' is not a valid whole number; see" in done.stderr
    assert done.stderr.count("\n") == 1
