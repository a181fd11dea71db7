"""A fixture that the tests of the search share."""

from __future__ import annotations

import pytest

from codexlab.rollout.search import ripgrep_walk


@pytest.fixture
def at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take what the test has just made for old: nobody can set a ctime."""
    monkeypatch.setattr(ripgrep_walk, "_REST_NS", -3600 * 10**9)
