"""An id becomes a safe name, and everything of a workspace lies below that name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexlab.workspace.errors import BadKey
from codexlab.workspace.paths import WorkspaceKey, directory_name, locate_workspace

_TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=90)
_NASTY = st.text("aAbB0.+-_/@~ é\n", min_size=1, max_size=6)


@pytest.mark.parametrize("name", ["123", "fix-login", "gh_77", "v1.2"])
def test_a_safe_id_stays_as_it_is(name: str) -> None:
    assert directory_name(name) == name


@pytest.mark.parametrize(
    "name", ["PROJ-12", "a/b", "..", ".", "a..b", "x.lock", "x.", "é", "a b", "a\n"]
)
def test_any_other_id_gets_a_slug_and_a_hash(name: str) -> None:
    slug, _, digest = directory_name(name).partition("+")
    assert slug
    assert len(digest) == 12


@given(st.lists(_TEXT | _NASTY, min_size=2, max_size=2, unique=True))
def test_two_ids_never_share_a_name_even_when_case_is_folded(ids: list[str]) -> None:
    one, other = map(directory_name, ids)
    assert one.casefold() != other.casefold()


@given(_TEXT | _NASTY)
def test_a_name_is_one_component_and_part_of_a_branch(value: str) -> None:
    name = directory_name(value)
    assert len(name) <= 63
    assert name[0].isalnum() or name[0] in "_-"
    assert not set(name) & set("/\0 ~^:?*[\\\n")
    assert ".." not in name
    assert not name.endswith((".", ".lock"))


def test_everything_lies_below_the_workspace(tmp_path: Path) -> None:
    paths = locate_workspace(tmp_path, WorkspaceKey("../..", "/etc/passwd", "codex"))
    assert paths.root.parent.parent.parent == tmp_path
    assert paths.base == tmp_path


@pytest.mark.parametrize("key", [("", "1", "a"), ("p", " ", "a"), ("p", "1", "")])
def test_an_empty_part_of_the_key_is_refused(key: tuple[str, str, str], tmp_path: Path) -> None:
    with pytest.raises(BadKey, match="at least one character"):
        locate_workspace(tmp_path, WorkspaceKey(*key))
