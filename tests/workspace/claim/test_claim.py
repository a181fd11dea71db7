"""A claim lets one run at a time into a workspace and keeps that run's record."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from codexlab.kernel.files.flock import try_lock
from codexlab.workspace.claim.claim import Claim, claim_workspace
from codexlab.workspace.errors import ForeignWorkspace, PathRefused, WorkspaceBusy
from codexlab.workspace.owner import OwnerRecord, encode_owner, parse_owner
from codexlab.workspace.paths import WorkspaceKey, WorkspacePaths, locate_workspace

RECORD = OwnerRecord(
    run_id="r-1",
    pid=4711,
    start_time=99,
    boot_id="boot",
    host="here",
    uid=os.geteuid(),
    cgroup=None,
    mechanism="subreaper",
    contained=False,
    started="2026-01-02T03:04:05+00:00",
)


def test_a_second_claimer_is_told_who_holds_it(
    claim: Claim, paths: WorkspacePaths, key: WorkspaceKey
) -> None:
    claim.write_owner(RECORD)
    with pytest.raises(WorkspaceBusy, match=r"run r-1 \(pid 4711 on here, since 2026") as caught:
        claim_workspace(paths, key)
    assert caught.value.holder == RECORD
    assert caught.value.exit_status == 75


def test_a_holder_that_is_just_starting_is_not_confused_with_the_last_run(
    claim: Claim, paths: WorkspacePaths, key: WorkspaceKey
) -> None:
    paths.owner.write_bytes(
        encode_owner(RECORD).replace(b'"contained": false', b'"contained": true')
    )
    with pytest.raises(WorkspaceBusy, match="just starting") as caught:
        claim_workspace(paths, key)
    assert caught.value.holder is None
    assert claim.previous is None


def test_release_frees_it_and_the_next_sees_what_was_left(
    paths: WorkspacePaths, key: WorkspaceKey
) -> None:
    first = claim_workspace(paths, key)
    first.write_owner(RECORD)
    first.release()
    first.release()
    second = claim_workspace(paths, key)
    assert second.previous == RECORD
    second.release()


def test_a_record_is_written_over_the_one_before_and_readers_see_one_or_the_other(
    claim: Claim, paths: WorkspacePaths
) -> None:
    claim.write_owner(RECORD)
    before = paths.owner.stat()
    claim.write_owner(replace(RECORD, contained=True))
    assert paths.owner.stat().st_ino == before.st_ino
    assert parse_owner(paths.owner.read_bytes()) == replace(RECORD, contained=True)
    longer = replace(RECORD, cgroup="/" + "x" * 2000)
    claim.write_owner(longer)
    assert parse_owner(paths.owner.read_bytes()) == longer
    claim.write_owner(RECORD)
    assert parse_owner(paths.owner.read_bytes()) == RECORD
    assert paths.owner.stat().st_size == before.st_size


def test_what_also_has_another_name_is_replaced_and_not_written_over(
    claim: Claim, paths: WorkspacePaths, tmp_path: Path
) -> None:
    claim.write_owner(RECORD)
    theirs = tmp_path / "theirs"
    theirs.write_bytes(paths.owner.read_bytes())
    paths.owner.unlink()
    paths.owner.hardlink_to(theirs)
    claim.write_owner(replace(RECORD, contained=True))
    assert parse_owner(theirs.read_bytes()) == RECORD
    paths.owner.unlink()
    paths.owner.symlink_to(theirs)
    claim.write_owner(replace(RECORD, contained=True))
    assert parse_owner(theirs.read_bytes()) == RECORD
    assert parse_owner(paths.owner.read_bytes()).contained


def test_close_keeps_the_lock_where_a_duplicate_lives(
    paths: WorkspacePaths, key: WorkspaceKey
) -> None:
    first = claim_workspace(paths, key)
    duplicate = os.dup(first.lock_fd)
    first.close()
    with pytest.raises(WorkspaceBusy):
        claim_workspace(paths, key)
    os.close(duplicate)
    claim_workspace(paths, key).release()


def test_everything_of_ours_is_private(claim: Claim, paths: WorkspacePaths) -> None:
    claim.write_owner(RECORD)
    for place in (paths.base, paths.root, paths.control):
        assert place.stat().st_mode & 0o777 == 0o700
    for place in (paths.lock, paths.owner, paths.provenance):
        assert place.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("depth", range(5))
@pytest.mark.parametrize("kind", ["link", "file"])
def test_whatever_is_planted_in_the_way_is_refused(
    depth: int, kind: str, root: Path, key: WorkspaceKey, tmp_path: Path
) -> None:
    paths = locate_workspace(root, key)
    outside = tmp_path / "outside"
    outside.mkdir()
    place = [*reversed(paths.lock.parents[:4]), paths.lock][depth]
    place.parent.mkdir(parents=True, exist_ok=True)
    if kind == "link":
        place.symlink_to(outside if depth < 4 else outside / "lock")
    elif depth < 4:
        place.write_text("mine")
    else:
        place.mkdir()
    with pytest.raises(PathRefused, match="move it away"):
        claim_workspace(paths, key)
    assert list(outside.iterdir()) == []


def test_a_workspaces_root_behind_a_link_is_the_users_choice(
    tmp_path: Path, key: WorkspaceKey
) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "workspaces").symlink_to(tmp_path / "disk")
    claim_workspace(locate_workspace(tmp_path / "workspaces", key), key).release()


def test_a_directory_with_things_we_never_put_there_is_left_alone(
    paths: WorkspacePaths, key: WorkspaceKey
) -> None:
    paths.workdir.mkdir(parents=True)
    with pytest.raises(ForeignWorkspace, match=r"holds 'workdir' but no \.codexlab"):
        claim_workspace(paths, key)
    assert sorted(paths.root.iterdir()) == [paths.workdir]


def test_another_keys_workspace_is_refused(paths: WorkspacePaths, key: WorkspaceKey) -> None:
    claim_workspace(paths, key).release()
    record = json.loads(paths.provenance.read_text())
    paths.provenance.write_text(json.dumps({**record, "issue": "999"}))
    with pytest.raises(ForeignWorkspace, match="shop/999/codex"):
        claim_workspace(paths, key)


@pytest.mark.parametrize("torn", [b"", b"{", b"[]", b'{"run_id": 3}'])
def test_torn_metadata_is_kept_aside_and_written_anew(
    torn: bytes, paths: WorkspacePaths, key: WorkspaceKey
) -> None:
    claim_workspace(paths, key).release()
    paths.owner.write_bytes(torn)
    paths.provenance.write_bytes(torn)
    claim = claim_workspace(paths, key)
    assert claim.previous is None
    assert claim.read_provenance().key == key
    assert len(claim.notes) == 2
    assert (paths.control / "owner.json.aside-1").read_bytes() == torn
    assert (paths.control / "workspace.json.aside-1").read_bytes() == torn
    claim.release()


def test_a_workspace_moved_away_while_being_claimed_is_not_entered(
    paths: WorkspacePaths, key: WorkspaceKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_workspace(paths, key).release()
    moved: list[Path] = []

    def lock_after_gc(fd: int) -> bool:
        if not moved:
            moved.append(paths.root.rename(paths.root.with_name("moved")))
        return try_lock(fd)

    monkeypatch.setattr("codexlab.workspace.lock_record.try_lock", lock_after_gc)
    claim = claim_workspace(paths, key)
    assert os.fstat(claim.lock_fd).st_ino == paths.lock.stat().st_ino
    claim.release()


def test_the_lock_is_free_after_a_crash(paths: WorkspacePaths, key: WorkspaceKey) -> None:
    code = (
        "import os, sys; from pathlib import Path;"
        " from codexlab.workspace.claim.claim import Claim, claim_workspace;"
        " from codexlab.workspace.errors import ForeignWorkspace, PathRefused, WorkspaceBusy;"
        " from codexlab.workspace.owner import OwnerRecord, encode_owner, parse_owner;"
        " from codexlab.workspace.paths import WorkspaceKey, WorkspacePaths, locate_workspace;"
        f"claim_workspace(locate_workspace(Path(sys.argv[1]), {key!r}), {key!r});"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(paths.base)], check=False)
    assert done.returncode == -9
    claim_workspace(paths, key).release()


def test_an_owner_record_survives_the_round_trip_and_unknown_keys() -> None:
    assert parse_owner(encode_owner(RECORD)) == RECORD
    assert parse_owner(encode_owner(RECORD).replace(b"{", b'{"later": [1], ', 1)) == RECORD


def test_a_directory_is_held_whichever_issue_enters_it(
    root: Path, tmp_path: Path, claim: Claim
) -> None:
    place = tmp_path / "given"
    place.mkdir()
    claim.write_owner(RECORD)
    assert claim.claim_directory(place) is None
    other_key = WorkspaceKey("shop", "124", "codex")
    other = claim_workspace(locate_workspace(root, other_key), other_key)
    with pytest.raises(WorkspaceBusy, match="run r-1"):
        other.claim_directory(place)
    assert list(place.iterdir()) == []
    claim.release()
    assert other.claim_directory(place) == RECORD
    assert len(other.lock_fds) == 2
    other.release()


def test_a_workspace_of_another_key_is_named_as_people_name_it(
    claim: Claim, paths: WorkspacePaths, key: WorkspaceKey
) -> None:
    claim.release()
    text = paths.provenance.read_text()
    paths.provenance.write_text(text.replace(json.dumps(key.issue), '"another"'))
    with pytest.raises(ForeignWorkspace, match=f"of {key.project}/another/{key.agent};"):
        claim_workspace(paths, key)
