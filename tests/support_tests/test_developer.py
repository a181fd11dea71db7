"""The look at the developer's own places sees what is made, changed and removed there."""

from __future__ import annotations

import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.developer import changes, developers_own


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    entry = SimpleNamespace(pw_dir=str(tmp_path))

    def entry_of(_: int) -> SimpleNamespace:
        return entry

    monkeypatch.setattr(pwd, "getpwuid", entry_of)
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".cache/codexlab/git").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("made", "noticed"),
    [
        ("codexlab/workspaces/p", True),
        (".local/state/codexlab/runs", True),
        (".cache/codexlab/git/x", True),
        (".claude", True),
        (".codex/sessions", False),
        ("notes", False),
    ],
)
def test_what_is_made_there_is_noticed(home: Path, made: str, noticed: bool) -> None:
    before = developers_own()
    assert changes(before) == []
    (home / made).mkdir(parents=True)
    assert bool(changes(before)) == noticed
