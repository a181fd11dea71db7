"""A workspace's own ``config.toml`` follows the shared one until somebody edits it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.workspace.homes import config_of

from codexlab.kernel.toml import decode_toml, parse_toml
from codexlab.workspace.codex_home.heal import GitWrite, heal_codex_home, mend_codex_home
from codexlab.workspace.errors import HomeRefused
from codexlab.workspace.paths import WorkspacePaths

pytestmark = pytest.mark.usefixtures("claim")


def edit_by_hand(paths: WorkspacePaths, shared: Path) -> Path:
    """Make the home, and have its user add to the config of this issue alone."""
    heal_codex_home(paths, shared)
    place = paths.codex_home / "config.toml"
    place.write_text(place.read_text() + '\n# by hand\n[tui]\ntheme = "dark"\n')
    return place


def test_an_explicit_refusal_of_network_stays(paths: WorkspacePaths, shared: Path) -> None:
    (shared / "config.toml").write_text("[sandbox_workspace_write]\nnetwork_access = false\n")
    heal_codex_home(paths, shared)
    assert config_of(paths)["sandbox_workspace_write"] == {"network_access": False}


def test_a_refusal_given_here_survives_a_reseed(paths: WorkspacePaths, shared: Path) -> None:
    heal_codex_home(paths, shared)
    place = paths.codex_home / "config.toml"
    place.write_text(place.read_text().replace("= true", "= false"))
    (shared / "config.toml").write_text('model = "other"\n')
    heal_codex_home(paths, shared)
    assert config_of(paths) == {
        "model": "other",
        "sandbox_workspace_write": {"network_access": False},
    }


def test_managed_entries_join_the_users_and_leave_again(
    paths: WorkspacePaths, shared: Path
) -> None:
    (shared / "config.toml").write_text(
        '[sandbox_workspace_write]\nwritable_roots = ["/user", "/both"]\n'
        '[shell_environment_policy]\nexclude = ["AWS_*"]\n'
    )
    heal_codex_home(paths, shared, writable_roots=["/both", "/ours"], exclude_names=["KEY"])
    both = config_of(paths)
    assert both["sandbox_workspace_write"] == {
        "writable_roots": ["/user", "/both", "/ours"],
        "network_access": True,
    }
    assert both["shell_environment_policy"] == {"exclude": ["AWS_*", "KEY"]}
    heal_codex_home(paths, shared)
    alone = config_of(paths)
    assert alone["sandbox_workspace_write"] == {
        "writable_roots": ["/user", "/both"],
        "network_access": True,
    }
    assert alone["shell_environment_policy"] == {"exclude": ["AWS_*"]}


def test_an_unedited_config_follows_the_shared_one(paths: WorkspacePaths, shared: Path) -> None:
    heal_codex_home(paths, shared)
    (shared / "config.toml").write_text('model = "newer"\n')
    assert heal_codex_home(paths, shared).fixed == ("config.toml",)
    assert config_of(paths)["model"] == "newer"


def test_an_edited_config_is_kept_and_the_user_warned_once(
    paths: WorkspacePaths, shared: Path
) -> None:
    place = edit_by_hand(paths, shared)
    edited = place.read_text()
    assert heal_codex_home(paths, shared).warnings == ()
    (shared / "config.toml").write_text('model = "newer"\n')
    (warning,) = heal_codex_home(paths, shared).warnings
    assert "heal --merge" in warning
    assert heal_codex_home(paths, shared).warnings == ()
    assert place.read_text() == edited
    place.write_text(edited + "y = 2\n")
    assert heal_codex_home(paths, shared).warnings == ()


def test_merging_takes_their_changes_and_keeps_ours_and_comments(
    paths: WorkspacePaths, shared: Path
) -> None:
    (shared / "config.toml").write_text('model = "a"\neffort = "low"\nold = 1\n[tui]\nx = 1\n')
    heal_codex_home(paths, shared)
    place = paths.codex_home / "config.toml"
    place.write_text(place.read_text().replace('"low"', '"high" # mine'))
    (shared / "config.toml").write_text('model = "b"\neffort = "medium"\n[tui]\nx = 2\ny = 3\n')
    report = mend_codex_home(paths, shared, merge=True)
    assert config_of(paths) == {
        "model": "b",
        "effort": "high",
        "tui": {"x": 2, "y": 3},
        "sandbox_workspace_write": {"network_access": True},
    }
    assert "# mine" in place.read_text()
    assert any("effort" in warning for warning in report.warnings)
    assert heal_codex_home(paths, shared).healthy


@pytest.mark.parametrize("text", ["model = ", "sandbox_workspace_write = 3", "\xff"])
def test_an_unreadable_config_is_one_line_and_stays(
    text: str, paths: WorkspacePaths, shared: Path
) -> None:
    heal_codex_home(paths, shared)
    place = paths.codex_home / "config.toml"
    place.write_text(text, "latin-1")
    for _ in range(2):
        (warning,) = heal_codex_home(paths, shared).warnings
        assert warning.startswith(f"{place}: ")
        assert "kept as it is" in warning
        assert "\n" not in warning
    assert place.read_text("latin-1") == text


@pytest.mark.parametrize("text", ["model = ", "sandbox_workspace_write = 3", "\xff"])
def test_an_unreadable_shared_config_is_passed_on_with_a_line_until_it_is_mended(
    text: str, paths: WorkspacePaths, shared: Path
) -> None:
    place, theirs = paths.codex_home / "config.toml", shared / "config.toml"
    theirs.write_text(text, "latin-1")
    for _ in range(2):
        (warning,) = heal_codex_home(paths, shared).warnings
        assert warning.startswith(f"{theirs}: ")
        assert "passed on as it is" in warning
        assert "delete" not in warning
        assert place.read_text("latin-1") == text
    theirs.write_text('model = "mended"\n')
    assert heal_codex_home(paths, shared).warnings == ()
    assert config_of(paths)["model"] == "mended"


def test_an_edited_config_stays_while_the_shared_one_is_unreadable(
    paths: WorkspacePaths, shared: Path
) -> None:
    place = edit_by_hand(paths, shared)
    before = place.read_bytes()
    (shared / "config.toml").write_text("model = ")
    (warning,) = heal_codex_home(paths, shared).warnings
    assert "config.toml of this issue is kept" in warning
    assert place.read_bytes() == before


TOML_1_1 = {
    "a byte order mark": b'\xef\xbb\xbfmodel = "m"\n[tui]\nx = { y = 1 }\n',
    "an inline table over lines": b'model = "m"\ntui = { # comment\n  x = { y = 1, },\n}\n',
    "escapes and windows": b'model = "\\x6d"\r\ntui.x.y = 1\r\n',
}


@pytest.mark.parametrize("text", TOML_1_1.values(), ids=TOML_1_1)
@pytest.mark.parametrize("theirs", [True, False], ids=["shared", "of the issue"])
def test_what_codex_takes_for_toml_is_taken_here(
    text: bytes, theirs: bool, paths: WorkspacePaths, shared: Path
) -> None:
    place = paths.codex_home / "config.toml"
    if theirs:
        (shared / "config.toml").write_bytes(text)
    else:
        paths.codex_home.mkdir()
        place.write_bytes(text)
    report = heal_codex_home(paths, shared, writable_roots=["/cache"])
    assert report.warnings == () or not theirs
    values = parse_toml(decode_toml(place.read_bytes()))
    assert (values["model"], values["tui"]) == ("m", {"x": {"y": 1}})
    assert values["sandbox_workspace_write"] == {
        "network_access": True,
        "writable_roots": ["/cache"],
    }
    assert place.read_bytes().startswith(b"\xef\xbb\xbf") == (not theirs and text[0] == 0xEF)
    assert heal_codex_home(paths, shared, writable_roots=["/cache"]).healthy


def test_a_config_nested_without_end_is_one_line(paths: WorkspacePaths, shared: Path) -> None:
    heal_codex_home(paths, shared)
    (paths.codex_home / "config.toml").write_text("a = " + "[" * 100_000)
    (warning,) = heal_codex_home(paths, shared).warnings
    assert "nested too deeply" in warning
    (shared / "config.toml").write_text("a = " + "[" * 100_000)
    (warning,) = mend_codex_home(paths, shared).warnings
    assert "nested too deeply" in warning
    with pytest.raises(HomeRefused, match="nested too deeply"):
        mend_codex_home(paths, shared, merge=True)


def test_relative_references_of_the_config_resolve(paths: WorkspacePaths, shared: Path) -> None:
    (shared / "texts").mkdir()
    (shared / "texts/base.md").write_text("base")
    (shared / "config.toml").write_text(
        'model_instructions_file = "texts/base.md"\n'
        '[profiles.x]\nmodel_catalog_json = "../secret.json"\nother_file = "gone.md"\n'
    )
    (warning,) = heal_codex_home(paths, shared).warnings
    assert "gone.md" in warning
    assert (paths.codex_home / "texts/base.md").read_text() == "base"
    assert not (paths.root / "secret.json").exists()


def test_git_write_opens_what_a_commit_needs_and_no_more(
    paths: WorkspacePaths, shared: Path, repo: Path
) -> None:
    git_write = GitWrite(repo / ".git/worktrees/x", repo / ".git")
    heal_codex_home(paths, shared, git_write=git_write)
    sandbox = config_of(paths)["sandbox_workspace_write"]
    assert isinstance(sandbox, dict)
    assert sandbox["writable_roots"] == [
        str(repo / ".git" / name) for name in ("worktrees/x", "objects", "refs", "logs")
    ]


def test_a_writable_directory_that_toml_cannot_name_is_one_line(
    paths: WorkspacePaths, shared: Path
) -> None:
    place = Path(os.fsdecode(b"/src/\xff/.git"))
    with pytest.raises(HomeRefused, match=r"not UTF-8.*--git-write"):
        heal_codex_home(paths, shared, git_write=GitWrite(place, place))
    heal_codex_home(paths, shared)
