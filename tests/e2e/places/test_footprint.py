"""A run writes where it said it would, and nowhere else."""

from __future__ import annotations

import json
import os
from pathlib import Path

from support.lab import Lab, Task
from support.marks import both_codex
from support.model.server import ModelFactory, say, write_file

# Below the test's scratch, which holds the caller's home, repository and all else.
_OURS = (
    "ws/",
    "home/.codex/sessions/",
    "home/.codex/archived_sessions/",
    "home/.codex/thread-writer-locks/",
    "home/.codex/thread_history_",
    "home/.codex/session_index.jsonl",
    "home/.config/codexlab/",
    "home/.local/state/codexlab/",
    "home/.cache/codexlab/",
    "tmp/codexlab-",
    "sample/.git/worktrees/",
    "sample/.git/refs/heads/codexlab/",
    "sample/.git/logs/refs/heads/codexlab/",
    "sample/.git/codexlab",
)


def snapshot(root: Path) -> dict[str, tuple[int, int, int]]:
    """Return inode, size and mtime of everything but directories, by path below ``root``."""
    found: dict[str, tuple[int, int, int]] = {}
    for directory, _, names in os.walk(root):
        for name in names:
            path = Path(directory, name)
            stat = path.lstat()
            found[str(path.relative_to(root))] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return found


@both_codex
def test_only_the_documented_places_change(
    lab: Lab, model: ModelFactory, task: Task, scratch: Path
) -> None:
    model([write_file("a.txt", "a"), say("done")])
    before = snapshot(scratch)
    done = lab.run(["--issue", "123"], task("write"))
    assert done.returncode == 0, done.stderr
    after = snapshot(scratch)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert [path for path in sorted(changed) if not path.startswith(_OURS)] == []
    assert lab.workspace.is_dir()


def test_what_is_ours_is_private(lab: Lab, model: ModelFactory, task: Task) -> None:
    model([say("done")])
    lab.run(["--issue", "123"], task("speak"))
    state = lab.workspace / ".codexlab"
    modes = {path: path.lstat().st_mode & 0o077 for path in [state, *state.rglob("*")]}
    assert [path for path, open_to_others in modes.items() if open_to_others] == []


def test_a_dry_run_touches_nothing_at_all(lab: Lab, task: Task, scratch: Path) -> None:
    before = snapshot(scratch)
    done = lab.run(["--issue", "123", "--dry-run", "--json"], task("write"))
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["argv"][1:3] == ["exec", "-s"]
    assert snapshot(scratch) == before
