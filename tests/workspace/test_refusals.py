"""A full disk, places that cannot be written, and links planted at every path."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.commands import program
from support.users.unprivileged import Unprivileged

from codexlab.kernel.errors import CodexlabError
from codexlab.workspace.claim.claim import Claim, claim_workspace
from codexlab.workspace.claim.threads import record_thread
from codexlab.workspace.codex_home.heal import heal_codex_home
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.paths import WorkspaceKey, WorkspacePaths, locate_workspace
from codexlab.workspace.workdir.plan import choose_workdir
from codexlab.workspace.workdir.prepare import prepare_workdir

KEY = WorkspaceKey("shop", "123", "codex")
LAUNCH = program("prepares_and_heals")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small filesystem needs root")
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip("mounting is not permitted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def attempt(paths: WorkspacePaths, start: Path, shared: Path) -> str | None:
    try:
        claim = claim_workspace(paths, KEY)
        try:
            prepare_workdir(claim, choose_workdir(inspect_checkout(start), paths))
            heal_codex_home(paths, shared)
        finally:
            claim.release()
    except CodexlabError as error:
        return str(error)
    return None


def test_a_full_disk_is_one_line_and_the_next_launch_is_whole(
    small_disk: Path, repo: Path, shared: Path, git: Callable[..., str]
) -> None:
    """The disk is filled to every level between nothing and all that a launch needs."""
    (repo / "big").write_bytes(os.urandom(60_000))
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "big")
    paths = locate_workspace(small_disk / "workspaces", KEY)
    failures = 0
    for free in range(0, 240_000, 16_384):
        (small_disk / "ballast").write_bytes(b"x" * (240_000 - free))
        message = attempt(paths, repo, shared)
        failures += message is not None
        assert message is None or "\n" not in message
        (small_disk / "ballast").unlink()
    assert failures > 3
    assert attempt(paths, repo, shared) is None
    assert git(paths.workdir, "status", "--porcelain") == ""
    assert len(git(repo, "worktree", "list").splitlines()) == 2


@pytest.mark.parametrize("blocked", ["root", "shared", "unreadable"])
def test_a_place_without_permission_is_one_line(blocked: str, as_nobody: Unprivileged) -> None:
    root, shared = as_nobody.home / "ws", as_nobody.home / "shared"
    for place in (root, shared):
        place.mkdir(mode=0o700)
        os.chown(place, 65534, 65534) if os.geteuid() == 0 else None
    if blocked == "root":
        root.chmod(0o500)
    else:
        shared.chmod(0o500 if blocked == "shared" else 0o000)
    done = as_nobody.run(
        [sys.executable, "-c", LAUNCH, str(root), str(as_nobody.home), str(shared)]
    )
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Permission denied" in done.stderr or "permissions" in done.stderr
    if blocked == "root":
        assert list(root.iterdir()) == []


NAMES = [
    "workdir",
    "codex-home",
    ".codexlab/workspace.json",
    ".codexlab/owner.json",
    ".codexlab/threads.json",
    ".codexlab/home.json",
    ".codexlab/config.seed.toml",
    "codex-home/config.toml",
    "codex-home/auth.json",
    "codex-home/sessions",
    "codex-home/archived_sessions",
    "codex-home/thread-writer-locks",
    "codex-home/AGENTS.md",
    "codex-home/prompts",
    "codex-home/state_5.sqlite",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_link_planted_anywhere_is_refused_or_replaced_never_followed(
    name: str,
    paths: WorkspacePaths,
    tmp_path: Path,
    shared: Path,
    snapshot: Callable[[Path], object],
) -> None:
    claim_workspace(paths, KEY).release()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("{}")
    place = paths.root / name
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    directory = "." not in place.name
    place.symlink_to(outside if directory else outside / "file")
    before = snapshot(outside)
    message = attempt(paths, tmp_path, shared)
    try:
        record_thread(paths, "t", tmp_path, "codex")
    except CodexlabError as error:
        message = message or str(error)
    assert message is None or "\n" not in message
    assert snapshot(outside) == before


def test_a_pipe_in_a_files_place_does_not_hang_a_launch(
    paths: WorkspacePaths, tmp_path: Path, shared: Path
) -> None:
    claim_workspace(paths, KEY).release()
    paths.codex_home.mkdir()
    os.mkfifo(paths.codex_home / "config.toml")
    message = attempt(paths, tmp_path, shared)
    assert message is not None
    assert "expected a regular file, found a special file" in message


def test_a_home_on_another_filesystem_takes_the_files_of_a_real_directory(
    small_disk: Path, claim: Claim, shared: Path
) -> None:
    rollout = claim.paths.codex_home / "sessions/2026/rollout-r.jsonl"
    rollout.parent.mkdir(parents=True)
    rollout.write_bytes(b"line\n" * 1000)
    os.utime(rollout, ns=(7, 7_000_000_001))
    home = small_disk / "home"
    heal_codex_home(claim.paths, home)
    moved = home / "sessions/2026/rollout-r.jsonl"
    assert moved.read_bytes() == b"line\n" * 1000
    assert moved.stat().st_mtime_ns == 7_000_000_001
    assert sorted(path.name for path in moved.parent.iterdir()) == ["rollout-r.jsonl"]
