from __future__ import annotations

import json
import os
import sqlite3
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from codexlab.kernel.toml import decode_toml, parse_toml
from codexlab.workspace.codex_home.heal import GitWrite, heal_codex_home, mend_codex_home
from codexlab.workspace.errors import HomeRefused, PathRefused
from codexlab.workspace.paths import WorkspacePaths

Snapshot = Callable[[Path], object]
pytestmark = pytest.mark.usefixtures("claim")


def config(paths: WorkspacePaths) -> dict[str, object]:
    return tomllib.loads((paths.codex_home / "config.toml").read_text())


def test_a_fresh_home_gets_links_and_a_config(paths: WorkspacePaths, shared: Path) -> None:
    report = heal_codex_home(paths, shared)
    home = paths.codex_home
    for name in ("auth.json", "sessions", "archived_sessions", "thread-writer-locks"):
        assert (home / name).readlink() == shared / name
    assert config(paths) == {
        "model": "stub-model",
        "sandbox_workspace_write": {"network_access": True},
    }
    assert "# mine" in (home / "config.toml").read_text()
    assert "config.toml" in report.created
    assert report.warnings == ()


def test_a_healthy_home_changes_no_byte(
    paths: WorkspacePaths, shared: Path, snapshot: Snapshot
) -> None:
    (shared / "AGENTS.md").write_text("rules")
    (shared / "prompts").mkdir()
    heal_codex_home(paths, shared, writable_roots=["/cache"], exclude_names=["KEY"])
    before = snapshot(paths.root), snapshot(shared)
    report = heal_codex_home(paths, shared, writable_roots=["/cache"], exclude_names=["KEY"])
    assert report.healthy
    assert (snapshot(paths.root), snapshot(shared)) == before


def test_lost_links_and_a_lost_config_come_back(paths: WorkspacePaths, shared: Path) -> None:
    heal_codex_home(paths, shared)
    home = paths.codex_home
    (home / "sessions").unlink()
    (home / "auth.json").unlink()
    (home / "auth.json").symlink_to("/nowhere")
    (home / "config.toml").unlink()
    report = heal_codex_home(paths, shared)
    assert set(report.created) | set(report.fixed) == {"sessions", "auth.json", "config.toml"}
    assert (home / "auth.json").readlink() == shared / "auth.json"
    assert (home / "sessions").readlink() == shared / "sessions"
    assert config(paths)["sandbox_workspace_write"] == {"network_access": True}


def test_a_regular_auth_file_is_kept_aside(paths: WorkspacePaths, shared: Path) -> None:
    paths.codex_home.mkdir()
    (paths.codex_home / "auth.json").write_text("own")
    (warning,) = heal_codex_home(paths, shared).warnings
    assert "auth.json.aside-1" in warning
    assert (paths.codex_home / "auth.json.aside-1").read_text() == "own"
    assert (paths.codex_home / "auth.json").readlink() == shared / "auth.json"


def test_without_shared_credentials_own_ones_stay(paths: WorkspacePaths, shared: Path) -> None:
    (shared / "auth.json").unlink()
    paths.codex_home.mkdir()
    (paths.codex_home / "auth.json").write_text("own")
    heal_codex_home(paths, shared)
    assert (paths.codex_home / "auth.json").read_text() == "own"


def test_files_in_a_real_sessions_directory_move_and_conflicts_stay(
    paths: WorkspacePaths, shared: Path
) -> None:
    ours, theirs = paths.codex_home / "sessions/2026/01", shared / "sessions/2026/01"
    ours.mkdir(parents=True)
    theirs.mkdir(parents=True)
    for name in ("missing", "same", "differs", "packed"):
        (ours / f"rollout-{name}.jsonl").write_text(name)
    (theirs / "rollout-same.jsonl").write_text("same")
    (theirs / "rollout-differs.jsonl").write_text("other")
    (theirs / "rollout-packed.jsonl.zst").write_text("z")
    (warning,) = heal_codex_home(paths, shared).warnings
    assert "2 files differ" in warning
    assert (paths.codex_home / "sessions").readlink() == shared / "sessions"
    assert (theirs / "rollout-missing.jsonl").read_text() == "missing"
    assert (theirs / "rollout-differs.jsonl").read_text() == "other"
    aside = paths.codex_home / "sessions.aside-1/2026/01"
    kept = ["rollout-differs.jsonl", "rollout-packed.jsonl"]
    assert sorted(path.name for path in aside.iterdir()) == kept


def test_an_explicit_refusal_of_network_stays(paths: WorkspacePaths, shared: Path) -> None:
    (shared / "config.toml").write_text("[sandbox_workspace_write]\nnetwork_access = false\n")
    heal_codex_home(paths, shared)
    assert config(paths)["sandbox_workspace_write"] == {"network_access": False}


def test_a_refusal_given_here_survives_a_reseed(paths: WorkspacePaths, shared: Path) -> None:
    heal_codex_home(paths, shared)
    place = paths.codex_home / "config.toml"
    place.write_text(place.read_text().replace("= true", "= false"))
    (shared / "config.toml").write_text('model = "other"\n')
    heal_codex_home(paths, shared)
    assert config(paths) == {
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
    both = config(paths)
    assert both["sandbox_workspace_write"] == {
        "writable_roots": ["/user", "/both", "/ours"],
        "network_access": True,
    }
    assert both["shell_environment_policy"] == {"exclude": ["AWS_*", "KEY"]}
    heal_codex_home(paths, shared)
    alone = config(paths)
    assert alone["sandbox_workspace_write"] == {
        "writable_roots": ["/user", "/both"],
        "network_access": True,
    }
    assert alone["shell_environment_policy"] == {"exclude": ["AWS_*"]}


def test_an_unedited_config_follows_the_shared_one(paths: WorkspacePaths, shared: Path) -> None:
    heal_codex_home(paths, shared)
    (shared / "config.toml").write_text('model = "newer"\n')
    assert heal_codex_home(paths, shared).fixed == ("config.toml",)
    assert config(paths)["model"] == "newer"


def test_an_edited_config_is_kept_and_the_user_warned_once(
    paths: WorkspacePaths, shared: Path
) -> None:
    heal_codex_home(paths, shared)
    place = paths.codex_home / "config.toml"
    edited = place.read_text() + '\n# by hand\n[tui]\ntheme = "dark"\n'
    place.write_text(edited)
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
    assert config(paths) == {
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
    assert config(paths)["model"] == "mended"


def test_an_edited_config_stays_while_the_shared_one_is_unreadable(
    paths: WorkspacePaths, shared: Path
) -> None:
    heal_codex_home(paths, shared)
    place = paths.codex_home / "config.toml"
    place.write_text(place.read_text() + "[tui]\ntheme = 'x'\n")
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


def login(account: str, refreshed: str) -> str:
    """Return an ``auth.json``."""
    return json.dumps({"tokens": {"account_id": account}, "last_refresh": refreshed})


def test_a_login_that_was_renewed_here_is_the_shared_one_from_then_on(
    paths: WorkspacePaths, shared: Path
) -> None:
    older, newer = login("me", "2026-01-01T00:00:00Z"), login("me", "2026-02-01T00:00:00.123456Z")
    (shared / "auth.json").write_text(older)
    heal_codex_home(paths, shared)
    home = paths.codex_home
    (home / "new").write_text(newer)
    (home / "new").rename(home / "auth.json")
    (warning,) = heal_codex_home(paths, shared).warnings
    assert "was renewed here" in warning
    assert (shared / "auth.json").read_text() == newer
    assert (shared / "auth.json").stat().st_mode & 0o777 == 0o600
    assert (home / "auth.json").readlink() == shared / "auth.json"
    aside = home / "auth.json.aside-1"
    assert (aside.read_text(), aside.stat().st_mode & 0o777) == (older, 0o600)


OTHERS = {
    "older": (login("me", "2025-01-01T00:00:00Z"), "older than the shared one"),
    "another account's": (login("you", "2026-02-01T00:00:00Z"), "another login"),
    "of a time to come": (login("me", "9999-01-01T00:00:00Z"), "the shared one is used"),
    "no login": ("[" * 100_000, "another login"),
}


@pytest.mark.parametrize(("text", "words"), OTHERS.values(), ids=OTHERS)
def test_any_other_login_found_here_is_kept_aside_and_the_line_compares_them(
    text: str, words: str, paths: WorkspacePaths, shared: Path
) -> None:
    theirs = login("me", "2026-01-01T00:00:00Z")
    (shared / "auth.json").write_text(theirs)
    paths.codex_home.mkdir()
    (paths.codex_home / "auth.json").write_text(text)
    (paths.codex_home / "auth.json").chmod(0o644)
    (warning,) = heal_codex_home(paths, shared).warnings
    assert words in warning
    assert (shared / "auth.json").read_text() == theirs
    aside = paths.codex_home / "auth.json.aside-1"
    assert (aside.read_text(), aside.stat().st_mode & 0o777) == (text, 0o600)


def test_instructions_prompts_rules_and_skills_resolve(paths: WorkspacePaths, shared: Path) -> None:
    (shared / "AGENTS.md").write_text("shared")
    (shared / "instructions.md").write_text("shared")
    for name in ("prompts", "rules", "skills"):
        (shared / name / "one").mkdir(parents=True)
    home = paths.codex_home
    (home / "skills/.system").mkdir(parents=True)
    (home / "instructions.md").write_text("own")
    heal_codex_home(paths, shared)
    assert (home / "AGENTS.md").read_text() == "shared"
    assert (home / "instructions.md").read_text() == "own"
    assert (home / "prompts/one").is_dir()
    assert (home / "skills/one").readlink() == shared / "skills/one"
    (shared / "AGENTS.md").unlink()
    (shared / "skills/one").rmdir()
    heal_codex_home(paths, shared)
    assert not os.path.lexists(home / "AGENTS.md")
    assert not os.path.lexists(home / "skills/one")


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


def test_a_fresh_home_gets_a_snapshot_of_the_threads_index(
    paths: WorkspacePaths, shared: Path
) -> None:
    database = sqlite3.connect(shared / "state_5.sqlite")
    database.execute("pragma journal_mode = wal")
    database.execute("create table t (x)")
    database.execute("insert into t values (7)")
    database.commit()
    heal_codex_home(paths, shared)
    copy = sqlite3.connect(paths.codex_home / "state_5.sqlite")
    assert copy.execute("select x from t").fetchall() == [(7,)]
    copy.close()
    database.close()


def test_a_snapshot_is_made_of_a_database_nobody_has_open(
    paths: WorkspacePaths, shared: Path
) -> None:
    database = sqlite3.connect(shared / "state_5.sqlite")
    database.execute("pragma journal_mode = wal")
    database.execute("create table t (x)")
    database.close()
    before = sorted(path.name for path in shared.iterdir())
    report = heal_codex_home(paths, shared)
    assert report.warnings == ()
    assert (paths.codex_home / "state_5.sqlite").exists()
    added = {"sessions", "archived_sessions", "thread-writer-locks"}
    assert {path.name for path in shared.iterdir()} - added == set(before)


def test_a_damaged_index_is_left_out_with_a_warning(paths: WorkspacePaths, shared: Path) -> None:
    (shared / "state_5.sqlite").write_bytes(b"nonsense" * 1000)
    (warning,) = heal_codex_home(paths, shared).warnings
    assert "no snapshot" in warning
    assert [path for path in paths.codex_home.iterdir() if "state" in path.name] == []


def test_own_sessions_are_directories_and_locks_stay_shared(
    paths: WorkspacePaths, shared: Path
) -> None:
    heal_codex_home(paths, shared)
    heal_codex_home(paths, shared, sessions="issue")
    home = paths.codex_home
    assert (home / "sessions").is_dir()
    assert not (home / "sessions").is_symlink()
    assert (home / "thread-writer-locks").readlink() == shared / "thread-writer-locks"


def test_git_write_opens_what_a_commit_needs_and_no_more(
    paths: WorkspacePaths, shared: Path, repo: Path
) -> None:
    git_write = GitWrite(repo / ".git/worktrees/x", repo / ".git")
    heal_codex_home(paths, shared, git_write=git_write)
    sandbox = config(paths)["sandbox_workspace_write"]
    assert isinstance(sandbox, dict)
    assert sandbox["writable_roots"] == [
        str(repo / ".git" / name) for name in ("worktrees/x", "objects", "refs", "logs")
    ]


def test_a_missing_shared_home_is_made(paths: WorkspacePaths, tmp_path: Path) -> None:
    heal_codex_home(paths, tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert (paths.codex_home / "sessions").is_dir()


def test_a_shared_home_that_cannot_be_is_one_line(paths: WorkspacePaths, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "no/where", paths.codex_home):
        with pytest.raises(HomeRefused) as caught:
            heal_codex_home(paths, place)
        assert "\n" not in str(caught.value)


def test_a_writable_directory_that_toml_cannot_name_is_one_line(
    paths: WorkspacePaths, shared: Path
) -> None:
    place = Path(os.fsdecode(b"/src/\xff/.git"))
    with pytest.raises(HomeRefused, match=r"no UTF-8.*--git-write"):
        heal_codex_home(paths, shared, git_write=GitWrite(place, place))
    heal_codex_home(paths, shared)


@pytest.mark.parametrize("name", ["config.toml", "sessions", "auth.json", "skills"])
def test_a_link_planted_in_the_home_is_never_written_through(
    name: str, paths: WorkspacePaths, shared: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("precious")
    paths.codex_home.mkdir()
    target = outside if name in ("sessions", "skills") else outside / "file"
    (paths.codex_home / name).symlink_to(target)
    (shared / "skills/one").mkdir(parents=True)
    heal_codex_home(paths, shared)
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (outside / "file").read_text() == "precious"


def test_a_home_that_is_a_link_is_refused(
    paths: WorkspacePaths, shared: Path, tmp_path: Path
) -> None:
    paths.codex_home.symlink_to(tmp_path)
    with pytest.raises(PathRefused, match="codex-home: expected a directory"):
        heal_codex_home(paths, shared)
