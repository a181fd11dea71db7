"""``codexlab workspace`` lists, shows, heals and removes workspaces."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.git.repositories import make_repository

from codexlab.cli.main import group, main
from codexlab.kernel.process.identity import boot_id
from codexlab.workspace.claim.claim import Claim, claim_workspace
from codexlab.workspace.codex_home.heal import heal_codex_home
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.owner import OwnerRecord
from codexlab.workspace.paths import WorkspaceKey, locate_workspace
from codexlab.workspace.workdir.plan import choose_workdir
from codexlab.workspace.workdir.prepare import prepare_workdir

Run = Callable[..., str]


def open_workspace(root: Path, key: WorkspaceKey, start: Path) -> Claim:
    paths = locate_workspace(root, key)
    claim = claim_workspace(paths, key)
    prepare_workdir(claim, choose_workdir(inspect_checkout(start), paths))
    return claim


@pytest.fixture
def root(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = scratch / "workspaces"
    monkeypatch.setenv("CODEXLAB_WORKSPACES_ROOT", str(place))
    return place


@pytest.fixture
def run() -> Run:
    def call(*arguments: str) -> str:
        result = CliRunner().invoke(group, ["workspace", *arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return call


@pytest.fixture
def repo(scratch: Path) -> Path:
    return make_repository(scratch / "repo")


def test_the_list_tells_who_holds_what(root: Path, run: Run, repo: Path) -> None:
    open_workspace(root, WorkspaceKey("shop", "PROJ-7", "codex"), repo).release()
    held = open_workspace(root, WorkspaceKey("shop", "8", "claude"), repo)
    lines = run("list").splitlines()
    assert lines[0].split() == [
        "PROJECT",
        "ISSUE",
        "AGENT",
        "STATE",
        "USED",
        "SIZE",
        "WORK",
        "WORKDIR",
        "LAST",
        "RUN",
    ]
    assert [line.split()[:4] for line in lines[1:]] == [
        ["shop", "8", "claude", "busy"],
        ["shop", "PROJ-7", "codex", "free"],
    ]
    found = json.loads(run("list", "--json", "--full"))
    assert {each["issue"]: each["state"] for each in found} == {"8": "busy", "PROJ-7": "free"}
    assert found[0]["git"]["dirty"] is False
    held.release()


def test_the_list_tells_dead_damaged_and_moved_apart_and_gc_keeps_them(
    root: Path, run: Run, repo: Path
) -> None:
    for issue in ("dead", "damaged", "moved", "fine"):
        claim = open_workspace(root, WorkspaceKey("shop", issue, "codex"), repo)
        host = os.uname().nodename
        claim.write_owner(
            OwnerRecord(
                "r-1", 4194304, 1, boot_id(), host, os.geteuid(), None, "none", issue != "dead", "x"
            )
        )
        claim.release()
    (root / "shop/damaged/codex/.codexlab/workspace.json").write_text("{")
    (root / "shop/moved").rename(root / "shop/8")
    found = {each["issue"]: each for each in json.loads(run("list", "--json"))}
    states = {issue: each["state"] for issue, each in found.items()}
    assert states == {"dead": "dead", "damaged": "damaged", "8": "moved", "fine": "free"}
    assert "never finished" in run("list")
    assert run("path", "8") == f"{root}/shop/8/codex/workdir\n"
    assert json.loads(run("show", "dead", "--json"))[0]["gc"] == (
        "keep: its last run r-1 was not proven contained"
    )
    gone = json.loads(run("gc", "--idle", "0s", "--apply", "--json"))["workspaces"]
    actions = {each["issue"]: each["action"] for each in gone}
    assert actions == {"dead": "keep", "damaged": "keep", "8": "keep", "fine": "deleted"}
    assert "moved or copied here" in run("gc", "--idle", "0s")


def test_show_says_what_gc_would_find_also_before_its_time(
    root: Path, run: Run, repo: Path
) -> None:
    held = open_workspace(root, WorkspaceKey("shop", "7", "codex"), repo)
    (held.paths.workdir / "new").write_text("x")
    held.write_owner(
        OwnerRecord("r-9", 17, 1, "b", "h", os.geteuid(), None, "none", False, "today")
    )
    assert "holder        run r-9 (pid 17 on h), since today\n" in run("show", "7")
    held.write_owner(OwnerRecord("r-9", 17, 1, "b", "h", os.geteuid(), None, "none", True, "today"))
    held.release()
    assert "later too: uncommitted changes\n" in run("show", "7")


def test_show_and_path_tell_where_the_work_is(root: Path, run: Run, repo: Path) -> None:
    open_workspace(root, WorkspaceKey("shop", "7", "codex"), repo).release()
    shown = json.loads(run("show", "7", "--json"))[0]
    workdir = root / "shop/7/codex/workdir"
    assert shown["workdir"] == str(workdir)
    assert shown["branch"] == "codexlab/7/codex"
    assert shown["gc"].startswith("keep: used")
    assert "branch" in run("show", "7")
    assert run("path", "7") == f"{workdir}\n"
    assert run("path", "7", "--home") == f"{root}/shop/7/codex/codex-home\n"


def test_heal_merges_what_both_sides_changed(
    root: Path, run: Run, repo: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = scratch / "shared"
    shared.mkdir()
    monkeypatch.setenv("CODEX_HOME", str(shared))
    (shared / "config.toml").write_text('model = "a"\n')
    claim = open_workspace(root, WorkspaceKey("shop", "7", "codex"), repo)
    heal_codex_home(claim.paths, shared, writable_roots=["/cache"])
    claim.release()
    config = claim.paths.codex_home / "config.toml"
    config.write_text(config.read_text() + "[tui]\nx = 1 # mine\n")
    (shared / "config.toml").write_text('model = "b"\n')
    assert "fixed" in run("heal", "7", "--merge")
    text = config.read_text()
    assert 'model = "b"' in text
    assert "x = 1 # mine" in text
    assert "/cache" in text
    assert json.loads(run("heal", "7", "--json"))["fixed"] == []


def test_gc_says_first_and_deletes_only_when_told(root: Path, run: Run, repo: Path) -> None:
    for issue in ("clean", "dirty"):
        open_workspace(root, WorkspaceKey("shop", issue, "codex"), repo).release()
    (root / "shop/dirty/codex/workdir/new").write_text("x")
    would = {
        each["issue"]: each["action"]
        for each in json.loads(run("gc", "--idle", "0s", "--json"))["workspaces"]
    }
    assert would == {"clean": "would go", "dirty": "keep"}
    assert (root / "shop/clean/codex/workdir").is_dir()
    assert "uncommitted changes" in run("gc", "--idle", "0s", "--apply")
    assert not (root / "shop/clean").exists()
    assert (root / "shop/dirty/codex/workdir/new").exists()


def test_gc_says_where_it_left_what_cannot_be_deleted(root: Path, repo: Path) -> None:
    open_workspace(root, WorkspaceKey("shop", "1", "codex"), repo).release()
    (workspace,) = root.glob("*/1/codex")
    fixed = workspace / "context" / "fixed"
    fixed.parent.mkdir(exist_ok=True)
    fixed.touch()
    if subprocess.run(["chattr", "+i", fixed], check=False, capture_output=True).returncode != 0:
        pytest.skip("no file can be made immutable here")
    try:
        arguments = ["workspace", "gc", "--apply", "--idle", "0s", "--json"]
        result = CliRunner().invoke(group, arguments, catch_exceptions=False)
        (left,) = (root / ".trash").iterdir()
    finally:
        fixed = next(path for path in root.rglob("fixed"))
        subprocess.run(["chattr", "-i", fixed], check=True)
    assert not workspace.exists()
    (row,) = json.loads(result.stdout)["workspaces"]
    assert (row["action"], str(left) in row["reason"]) == ("in trash", True)


def test_the_gc_table_of_the_user_config_counts(
    root: Path, run: Run, repo: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_workspace(root, WorkspaceKey("shop", "7", "codex"), repo).release()
    config = scratch / "config.toml"
    monkeypatch.setenv("CODEXLAB_CONFIG", str(config))
    config.write_text('[gc]\nidle = "0s"\n')
    assert json.loads(run("gc", "--json"))["workspaces"][0]["action"] == "would go"
    config.write_text('[gc]\nidel = "0s"\n')
    with pytest.raises(SystemExit) as caught:
        main(["workspace", "gc"])
    assert caught.value.code == 125


def test_remove_deletes_one_and_refuses_work(
    root: Path, run: Run, repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_workspace(root, WorkspaceKey("shop", "7", "codex"), repo).release()
    work = root / "shop/7/codex/workdir/new"
    work.write_text("x")
    with pytest.raises(SystemExit) as caught:
        main(["workspace", "remove", "7"])
    assert caught.value.code == 125
    assert "uncommitted changes; nothing was deleted, --force" in capsys.readouterr().err
    work.unlink()
    assert "removed" in run("remove", "7")
    assert not (root / "shop").exists()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["path", "9"], "issue 9: no workspace below"),
        (["path", "7"], "several workspaces"),
        (["gc", "--idle", "soon"], "expected a duration"),
        (["list", "--full"], "--full needs --json"),
        (["list", "--root", "/no/such/root"], "workspaces root /no/such/root: no such directory"),
        (["gc", "--root", "/dev/null"], "workspaces root /dev/null: not a directory"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], line: str, root: Path, repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for agent in ("codex", "claude"):
        open_workspace(root, WorkspaceKey("shop", "7", agent), repo).release()
    with pytest.raises(SystemExit) as caught:
        main(["workspace", *arguments])
    assert caught.value.code == 125
    (only,) = capsys.readouterr().err.splitlines()
    assert line in only


def test_a_busy_workspace_is_not_healed(
    root: Path, repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = open_workspace(root, WorkspaceKey("shop", "7", "codex"), repo)
    held.write_owner(
        OwnerRecord("r-9", os.getpid(), 1, "b", "h", os.geteuid(), None, "none", False, "now")
    )
    with pytest.raises(SystemExit) as caught:
        main(["workspace", "heal", "7"])
    assert caught.value.code == 75
    assert "run r-9" in capsys.readouterr().err
    held.release()


def test_a_hostile_id_cannot_command_the_terminal(root: Path, run: Run, repo: Path) -> None:
    open_workspace(root, WorkspaceKey("shop", "\x1b[31mred\x07", "codex"), repo).release()
    assert "\x1b[31mred" not in run("list")
