"""Whose a target is."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from codexlab.env.targets.errors import TargetBusy
from codexlab.env.targets.index import (
    forget_owner,
    new_owner,
    parse_owner,
    read_owner,
    record_owner,
)
from codexlab.env.targets.leases import is_leased, lease_target
from codexlab.env.targets.prepare import prepare_target


@pytest.fixture
def target(root: Path) -> Path:
    return root / "local" / "app" / "worktrees" / "k-1" / "cargo-target" / "host"


def prepare(root: Path, target: Path) -> int:
    return prepare_target(
        root,
        target,
        key="k-1",
        project="app-12",
        issue="#7/ä",
        repo="app",
        workdir=root,
        thread="t-1",
    )


def test_a_prepared_target_is_there_leased_and_known(root: Path, target: Path) -> None:
    lease = prepare(root, target)
    assert target.is_dir()
    assert is_leased(root, target)
    owner = read_owner(root, target)
    assert owner is not None
    assert (owner.key, owner.project, owner.issue, owner.thread) == ("k-1", "app-12", "#7/ä", "t-1")
    assert abs(owner.last_used - time.time()) < 60
    os.close(lease)
    assert not is_leased(root, target)


def test_a_target_being_removed_is_not_prepared(root: Path, target: Path) -> None:
    removing = lease_target(root, target, exclusive=True)
    with pytest.raises(TargetBusy):
        prepare(root, target)
    assert not target.exists()
    os.close(removing)


def test_a_failed_preparation_gives_the_lease_back(root: Path, target: Path) -> None:
    target.parent.mkdir(parents=True)
    target.write_bytes(b"")
    with pytest.raises(Exception, match="a link or a file"):
        prepare(root, target)
    assert not is_leased(root, target)


def test_a_later_run_refreshes_the_entry(root: Path, target: Path) -> None:
    os.close(prepare(root, target))
    first = read_owner(root, target)
    os.close(prepare(root, target))
    second = read_owner(root, target)
    assert first is not None
    assert second is not None
    assert second.last_used >= first.last_used
    assert len(list((root / "local" / ".codexlab" / "index").iterdir())) == 1
    forget_owner(root, target)
    forget_owner(root, target)
    assert read_owner(root, target) is None


GOOD = {
    "v": 1, "target": "local/a", "key": "k", "project": "p", "issue": "i", "repo": "r",
    "workdir": "/w", "last_used": 1.0, "thread": None, "unknown": [1],
}  # fmt: skip


def test_unknown_keys_are_passed_over() -> None:
    owner = parse_owner(json.dumps(GOOD).encode())
    assert owner is not None
    assert owner.thread is None


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b" " * 17_000,
        json.dumps({**GOOD, "v": 2}).encode(),
        json.dumps({**GOOD, "last_used": float("nan")}).encode(),
        json.dumps({**GOOD, "last_used": float("inf")}).encode(),
        json.dumps({**GOOD, "last_used": 1e12}).encode(),
        json.dumps({**GOOD, "last_used": "1"}).encode(),
        json.dumps({**GOOD, "key": 7}).encode(),
        json.dumps({k: v for k, v in GOOD.items() if k != "issue"}).encode(),
    ],
)  # fmt: skip
def test_a_malformed_entry_is_no_entry(data: bytes) -> None:
    assert parse_owner(data) is None


def test_an_entry_of_another_target_or_behind_a_link_is_no_entry(root: Path, target: Path) -> None:
    record_owner(
        root,
        new_owner(root, target, key="k", project="p", issue="i", repo="r", workdir=root),
    )
    (entry,) = (root / "local" / ".codexlab" / "index").iterdir()
    content = entry.read_bytes()
    entry.write_bytes(content.replace(b"k-1", b"k-2"))
    assert read_owner(root, target) is None
    elsewhere = root / "elsewhere"
    elsewhere.write_bytes(content)
    entry.unlink()
    entry.symlink_to(elsewhere)
    assert read_owner(root, target) is None
