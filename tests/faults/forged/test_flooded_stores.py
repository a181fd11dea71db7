"""An agent leaves a real store full of files in codex's home: no launch waits for all of them.

What codex may have written there reaches the user's own store, and nothing else does.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.lab import Lab
from support.rollout.files import thread_id

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

_FLAGS = ["--issue", "1", "--no-repo", "--agent", "codex"]
_OWN = f"rollout-2026-11-20T12-00-00-{thread_id(1)}.jsonl"
_DAY = "sessions/2026/11/20"
_MOST = 10_000


def _flood(lab: Lab, script: str) -> None:
    begin = f"import os; os.unlink('sessions'); os.makedirs('{_DAY}'); "
    own = f"open('{_DAY}/{_OWN}', 'w').write('x'); "
    command = f'cd $CODEX_HOME; {sys.executable} -c "{begin}{own}{script}"'
    done = lab.run(_FLAGS, ["sh", "-c", command])
    assert done.returncode == 0, done.stderr


@pytest.fixture
def store(lab: Lab, shared_home: Path) -> Path:
    """The user's own store, to which the home of an issue leads already."""
    assert lab.run(_FLAGS, ["true"]).returncode == 0
    return shared_home / "sessions"


def _launch_again(lab: Lab) -> list[str]:
    """Launch; return the lines about the store."""
    done = lab.run(_FLAGS, ["true"])
    assert done.returncode == 0, done.stderr
    assert (lab.workspace / "codex-home/sessions").is_symlink()
    return [line for line in done.stderr.splitlines() if "sessions" in line]


@pytest.mark.parametrize(
    "script",
    [
        "[open(f'sessions/{n}.jsonl', 'w').write('x') for n in range(40_000)]",
        f"[open(f'{_DAY}/{{n}}.jsonl', 'w').write('x') for n in range(40_000)]",
        "[os.mkdir(f'sessions/d{n}') for n in range(10_000)]",
        (
            "[open('sessions/a\\nb', 'w'), os.mkfifo('sessions/rollout-f.jsonl'),"
            " os.symlink('/etc/passwd', 'sessions/rollout-p.jsonl')]"
        ),
    ],
    ids=["files", "files of one day", "directories", "odd names"],
)
def test_names_that_codex_gives_nothing_stay_with_the_issue(
    lab: Lab, store: Path, script: str
) -> None:
    _flood(lab, script)
    (line,) = _launch_again(lab)
    assert "kept in sessions.aside-1" in line
    assert [path.name for path in store.rglob("*") if not path.is_dir()] == [_OWN]


def test_of_rollouts_beyond_counting_the_newest_are_given_to_the_user(
    lab: Lab, store: Path
) -> None:
    names = "rollout-2026-11-{n // 1000 + 1:02}T12-00-00-{n}.jsonl"
    _flood(lab, f"[open(f'{_DAY}/{names}', 'w').write('x') for n in range(12_000)]")
    (line,) = _launch_again(lab)
    assert "there is more than a launch moves" in line
    there = {path.name for path in store.rglob("*.jsonl")}
    assert len(there) < _MOST
    assert _OWN in there
    aside = lab.workspace / "codex-home/sessions.aside-1"
    rest = {path.name for path in aside.rglob("*.jsonl")}
    assert len(there) + len(rest) == 12_001
    assert min(there) >= max(rest)


def test_an_issues_own_store_is_given_back_whole_before_it_is_removed(
    lab: Lab, store: Path
) -> None:
    names = "rollout-2026-11-20T12-00-00-{n}.jsonl"
    _flood(lab, f"[open(f'{_DAY}/{names}', 'w').write('x') for n in range(12_000)]")
    done = lab.codexlab("workspace", "remove", "1", "--force", timeout=120)
    assert done.returncode == 0, done.stderr
    assert len(list(store.rglob("*.jsonl"))) == 12_001
