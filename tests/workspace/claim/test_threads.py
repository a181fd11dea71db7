"""A workspace remembers its threads, its cargo key and its last runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from codexlab.workspace.claim.run_history import prune_runs
from codexlab.workspace.claim.threads import (
    read_threads,
    record_thread,
    stored_cargo_key,
)
from codexlab.workspace.paths import WorkspacePaths

pytestmark = pytest.mark.usefixtures("claim")


def test_the_newest_thread_is_last_and_recording_it_again_moves_it(
    paths: WorkspacePaths, tmp_path: Path
) -> None:
    for thread in ("a", "b", "a"):
        record_thread(paths, thread, tmp_path, "codex")
    log = read_threads(paths)
    assert [entry.id for entry in log.threads] == ["b", "a"]
    latest = log.latest("codex")
    assert latest is not None
    assert (latest.id, latest.cwd) == ("a", str(tmp_path))
    assert log.latest("claude") is None
    assert log.latest("codex", tmp_path / "elsewhere") is None


def test_the_cargo_key_is_made_once_and_survives_threads(
    paths: WorkspacePaths, tmp_path: Path
) -> None:
    assert stored_cargo_key(paths, lambda: "one") == "one"
    record_thread(paths, "a", tmp_path, "codex")
    assert stored_cargo_key(paths, lambda: "two") == "one"


@pytest.mark.parametrize("torn", [b"", b"{", b'{"threads": [3]}'])
def test_a_torn_log_is_kept_aside(torn: bytes, paths: WorkspacePaths, tmp_path: Path) -> None:
    paths.threads.write_bytes(torn)
    assert read_threads(paths).threads == ()
    record_thread(paths, "a", tmp_path, "codex")
    assert (paths.control / "threads.json.aside-1").read_bytes() == torn


def test_the_last_runs_stay_and_links_are_never_followed(
    paths: WorkspacePaths, tmp_path: Path
) -> None:
    assert prune_runs(paths) == 0
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("x")
    for number in range(5):
        run = paths.runs / f"run{number}"
        (run / "deep").mkdir(parents=True)
        (run / "link").symlink_to(outside)
        os.utime(run, (number, number))
    (paths.runs / "link").symlink_to(outside)
    assert prune_runs(paths, keep=2, slack=2) == 3
    assert sorted(path.name for path in paths.runs.iterdir()) == ["link", "run3", "run4"]
    assert (outside / "file").exists()
