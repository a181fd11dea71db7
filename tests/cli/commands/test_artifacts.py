"""``codexlab artifacts``, as a person and as a program call it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.commands import codexlab

ROOT = "CODEX_LAB_DEVELOPER_ARTIFACTS_ROOT"


@pytest.fixture
def root(scratch: Path) -> Path:
    path = scratch / "artifacts"
    path.mkdir()
    return path


@pytest.fixture
def environ(clean_environ: dict[str, str], root: Path) -> dict[str, str]:
    return {**clean_environ, ROOT: str(root), "SHELL": "/bin/bash"}


def run(environ: Mapping[str, str], cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return codexlab(environ, "artifacts", *arguments, cwd=cwd)


def succeed(environ: Mapping[str, str], cwd: Path, *arguments: str) -> str:
    done = run(environ, cwd, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def old_target(root: Path, checkout: Path, key: str = "k-1") -> Path:
    repo = Path(succeed({**os.environ, ROOT: str(root)}, checkout, "target-dir")).parents[1]
    target = repo / "worktrees" / key / "cargo-target" / "host"
    target.mkdir(parents=True)
    (target / "object").write_bytes(bytes(9_000))
    moment = time.time() - 30 * 86400
    for place in (target / "object", target):
        os.utime(place, (moment, moment))
    return target


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_sourced_exports_agree_with_target_dir(
    environ: dict[str, str], source_repo: Path, shell: str
) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    exports = succeed(environ, source_repo, "env", "--shell", shell)
    script = exports + "env -0\n"
    leaked = {"PATH": "/usr/bin:/bin", "CARGO_TARGET_DIR": "/leak"}
    done = subprocess.run([program, "-c", script], env=leaked, capture_output=True, check=True)
    entries = dict(entry.split("=", 1) for entry in done.stdout.decode().split("\0") if entry)
    target = succeed(environ, source_repo, "target-dir").strip()
    assert entries["CARGO_BUILD_TARGET_DIR"] == target
    assert entries["CODEX_LAB_CARGO_TARGET_SCOPE"] == "shared"
    assert "CARGO_TARGET_DIR" not in entries
    for name in ("CARGO_BUILD_TARGET_DIR", "TMPDIR", "NPM_CONFIG_CACHE", "pnpm_config_store_dir"):
        assert Path(entries[name]).is_dir()


def test_a_probe_makes_no_directory(environ: dict[str, str], source_repo: Path, root: Path) -> None:
    succeed(environ, source_repo, "env", "--no-mkdir")
    assert list(root.iterdir()) == []


def test_exports_as_json(environ: dict[str, str], source_repo: Path) -> None:
    document = json.loads(succeed(environ, source_repo, "env", "--json", "--no-mkdir"))
    assert document["set"]["CODEX_LAB_CARGO_TARGET_SCOPE"] == "shared"
    assert "CARGO_TARGET_DIR" in document["unset"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["env", "--scope", "mine"], ["'mine'", "shared, worktree, agent, off"]),
        (["env", "--shell", "csh"], ["'csh'", "bash, zsh, fish"]),
        (["env", "--scope", "agent"], ["agent", "--key"]),
        (["env", "--root", "relative"], ["not an absolute path"]),
        (["env", "--root", "/no/such/root"], ["no such directory"]),
        (["clean", "--older-than", "soon"], ["--older-than", "soon"]),
        (["clean", "--seconds", "nan"], ["--seconds", "0 or more"]),
        (["status", "--seconds=-1"], ["--seconds", "-1"]),
        (["setup", "--root", "/no/such/root"], ["no such directory"]),
    ],
)
def test_bad_input_is_one_clear_line(
    environ: dict[str, str], source_repo: Path, root: Path, flags: list[str], words: list[str]
) -> None:
    done = run(environ, source_repo, *flags)
    assert done.returncode == 125
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert all(word in done.stderr for word in words), done.stderr
    assert list(root.iterdir()) == []


def test_without_a_root_target_dir_names_the_checkout_and_env_fails(
    environ: dict[str, str], source_repo: Path
) -> None:
    unset = {name: value for name, value in environ.items() if name != ROOT}
    assert succeed(unset, source_repo, "target-dir").strip() == str(source_repo / "target")
    done = run(unset, source_repo, "env")
    assert (done.returncode, done.stdout) == (125, "")
    assert f"{ROOT} is not set" in done.stderr


def test_a_missing_root_falls_back_visibly_and_is_not_created(
    environ: dict[str, str], source_repo: Path, scratch: Path
) -> None:
    missing = scratch / "unmounted"
    done = run({**environ, ROOT: str(missing)}, source_repo, "target-dir")
    assert done.returncode == 0
    assert done.stdout.strip() == str(source_repo / "target")
    assert str(missing) in done.stderr
    assert not missing.exists()


def test_an_override_that_would_win_is_pointed_out(
    environ: dict[str, str], source_repo: Path
) -> None:
    done = run({**environ, "CARGO_TARGET_DIR": "/leak"}, source_repo, "target-dir")
    assert "CARGO_TARGET_DIR is set here" in done.stderr
    assert "/leak" not in done.stdout


def test_a_worktree_and_a_given_key_have_targets_of_their_own(
    environ: dict[str, str], source_repo: Path
) -> None:
    worktree = succeed(environ, source_repo, "target-dir", "--scope", "worktree")
    given = succeed(environ, source_repo, "target-dir", "--scope", "agent", "--key", "../..")
    inherited = succeed(
        {**environ, "CODEX_LAB_CARGO_TARGET_KEY": "k-9"},
        source_repo,
        "target-dir",
        "--scope",
        "agent",
    )
    assert "/worktrees/" in worktree
    assert "/worktrees/workspace+" in given
    assert "/worktrees/k-9/" in inherited
    assert len({worktree, given, inherited}) == 3


def test_status_reports_every_category(
    environ: dict[str, str], source_repo: Path, root: Path
) -> None:
    old_target(root, source_repo)
    document = json.loads(succeed(environ, source_repo, "status", "--json"))
    categories = {row["category"] for row in document["rows"]}
    assert categories == {
        "cargo", "target", "exec-harness", "node", "temp", "sccache", "bazel", "runner", "remote",
    }  # fmt: skip
    assert document["root"] == str(root)
    assert document["volume"]
    (target,) = [row for row in document["rows"] if row["category"] == "target"]
    assert (target["name"], target["owner"], target["live"]) == ("k-1", "unknown", "idle")
    assert target["bytes"] >= 9_000
    missing = [row for row in document["rows"] if row["name"] == "disk-cache"]
    assert missing[0]["bytes"] is None


def test_status_is_a_table_for_people(environ: dict[str, str], source_repo: Path) -> None:
    lines = succeed(environ, source_repo, "status").splitlines()
    assert lines[0].startswith("artifact root: ")
    assert lines[1].split()[:3] == ["CATEGORY", "NAME", "SIZE"]


@pytest.mark.parametrize("command", [("status",), ("clean", "--older-than", "0")])
def test_a_name_an_agent_chose_does_not_command_the_terminal(
    environ: dict[str, str], source_repo: Path, root: Path, command: tuple[str, ...]
) -> None:
    old_target(root, source_repo, "k\x1b]0;owned\x07\nTOTAL")
    shown = succeed(environ, source_repo, *command)
    assert "k␛]0;owned␇␊TOTAL" in shown
    assert not {"\x1b", "\x07"} & set(shown)


def test_status_creates_nothing_and_ends_in_time(
    environ: dict[str, str], source_repo: Path, root: Path
) -> None:
    document = json.loads(succeed(environ, source_repo, "status", "--json", "--seconds", "0"))
    assert list(root.iterdir()) == []
    assert {row["state"] for row in document["rows"]} <= {
        "missing", "not installed", "not configured", "partial", "complete",
    }  # fmt: skip


def test_clean_shows_first_and_removes_when_told(
    environ: dict[str, str], source_repo: Path, root: Path
) -> None:
    target = old_target(root, source_repo)
    done = run(environ, source_repo, "clean")
    assert "remove" in done.stdout
    assert str(target) in done.stdout
    assert "--apply removes" in done.stderr
    assert target.is_dir()
    kept = json.loads(succeed(environ, source_repo, "clean", "--apply", "--keep-cargo", "--json"))
    assert {finding["verdict"] for finding in kept["findings"]} == {"keep"}
    assert target.is_dir()
    gone = json.loads(succeed(environ, source_repo, "clean", "--apply", "--json"))
    assert [f["verdict"] for f in gone["findings"] if f["path"] == str(target)] == ["removed"]
    assert not target.exists()
    receipts = Path(environ["XDG_STATE_HOME"]) / "codexlab" / "artifacts-clean.ndjson"
    last = json.loads(receipts.read_text().splitlines()[-1])
    assert (last["path"], last["verdict"]) == (str(target), "removed")


def test_setup_shows_first_and_writes_when_told(
    environ: dict[str, str], source_repo: Path, root: Path
) -> None:
    shown = succeed(environ, source_repo, "setup")
    assert "would write" in shown
    assert not (source_repo / "user.bazelrc").exists()
    assert list(root.iterdir()) == []
    succeed(environ, source_repo, "setup", "--apply")
    assert (source_repo / "user.bazelrc").is_file()
    assert "nothing to do" in succeed(environ, source_repo, "setup")


def test_setup_outside_a_repository_is_refused(environ: dict[str, str], scratch: Path) -> None:
    done = run({**environ, "GIT_CEILING_DIRECTORIES": str(scratch)}, Path("/usr"), "setup")
    assert done.returncode == 125
    assert "not in a git working tree" in done.stderr


CARGO = "Signature: 8a477f597d28d172789f06886806bc55\n# created by cargo.\n"


def commit_in(place: Path, environ: Mapping[str, str], *flags: str) -> None:
    """Make a repository with a commit that is nowhere else."""
    git = ["git", "-c", "user.name=u", "-c", "user.email=u@localhost"]
    subprocess.run([*git, "init", "-q", *flags, place], env=dict(environ), check=True)
    tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    subprocess.run([*git, "mktree"], cwd=place, env=dict(environ), input=b"", check=True)
    subprocess.run(
        [*git, "commit-tree", "-m", "unique", tree], cwd=place, env=dict(environ), check=True
    )


def make_old(top: Path) -> None:
    moment = time.time() - 30 * 86400
    for directory, _, names in os.walk(top, topdown=False):
        for name in names:
            os.utime(Path(directory, name), (moment, moment), follow_symlinks=False)
        os.utime(directory, (moment, moment))


@pytest.mark.parametrize("flags", [(), ("--bare",), ("--separate-git-dir",)])
def test_a_repository_in_build_output_is_kept_and_named(
    environ: dict[str, str], source_repo: Path, root: Path, scratch: Path, flags: tuple[str, ...]
) -> None:
    if flags == ("--separate-git-dir",):
        flags = (*flags, str(scratch / "elsewhere"))
    in_tree = source_repo / "target"
    shared, plain = old_target(root, source_repo), old_target(root, source_repo, "k-2")
    (in_tree / "debug").mkdir(parents=True)
    (in_tree / "CACHEDIR.TAG").write_text(CARGO)
    commit_in(in_tree / "debug" / "mine", environ, *flags)
    shutil.copytree(in_tree / "debug" / "mine", shared / "mine")
    for target in (in_tree, shared):
        make_old(target)
    said = succeed(environ, source_repo, "clean", "--apply", "--older-than", "0s")
    assert (in_tree / "debug" / "mine").is_dir()
    assert (shared / "mine").is_dir()
    assert not plain.exists()
    assert str(in_tree / "debug" / "mine") in said
    assert str(shared / "mine") in said


def test_a_repository_that_an_interrupted_cleanup_holds_is_kept(
    environ: dict[str, str], source_repo: Path, root: Path
) -> None:
    aside = root / "local" / ".codexlab" / "quarantine" / "host.0123456789abcdef"
    aside.mkdir(parents=True)
    commit_in(aside / "mine", environ)
    said = succeed(environ, source_repo, "clean", "--apply")
    assert (aside / "mine" / ".git").is_dir()
    assert str(aside / "mine") in said
