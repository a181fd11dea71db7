"""A scan of a store finds each rollout once, also while its files are moved."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.rollout.files import lines, meta, rollout_path, thread_id, write

from codexlab.rollout.store.scan import scan_store


def _seen(home: Path) -> list[str]:
    return sorted(Path(found.path).name for found in scan_store(home).rollouts)


def test_active_and_archived_rollouts_are_found_in_both_forms(tmp_path: Path) -> None:
    plain = rollout_path(tmp_path, thread_id(1))
    packed = rollout_path(tmp_path, thread_id(2), at="2024-12-31T23-59-59", archived=True)
    write(plain, lines(meta(thread_id(1))))
    write(packed, lines(meta(thread_id(2))), compressed=True)
    first, second = scan_store(tmp_path).rollouts
    assert (first.path, first.plain_seen, first.compressed_seen, first.archived) == (
        str(plain),
        True,
        False,
        False,
    )
    assert (second.path, second.plain_seen, second.compressed_seen, second.archived) == (
        str(packed),
        False,
        True,
        True,
    )
    assert second.current_path == str(packed) + ".zst"


def test_the_compressed_form_is_hidden_while_the_plain_one_exists(tmp_path: Path) -> None:
    path = rollout_path(tmp_path, thread_id(1))
    write(path, b"{}\n")
    write(path, b"{}\n", compressed=True)
    (found,) = scan_store(tmp_path).rollouts
    assert found.plain_seen
    assert found.compressed_seen
    assert found.current_path == str(path)


def test_links_directories_temporary_files_and_odd_places_are_not_rollouts(tmp_path: Path) -> None:
    path = rollout_path(tmp_path, thread_id(1))
    write(path, b"{}\n")
    other = rollout_path(tmp_path, thread_id(2))
    os.symlink(path, other)
    rollout_path(tmp_path, thread_id(3)).mkdir()
    path.with_name(path.name + ".zst.tmp").touch()
    (tmp_path / "sessions" / path.name).touch()
    (tmp_path / "sessions" / "2025" / "xx").mkdir()
    os.symlink(path.parent, path.parent.with_name("04"))
    assert _seen(tmp_path) == [path.name]


def test_a_linked_store_is_read_through_its_link(tmp_path: Path) -> None:
    shared, own = tmp_path / "shared", tmp_path / "own"
    path = write(rollout_path(shared, thread_id(1)), b"{}\n")
    own.mkdir()
    (own / "sessions").symlink_to(shared / "sessions")
    assert _seen(own) == [path.name]


def test_a_scan_for_a_text_in_the_name_finds_just_that(tmp_path: Path) -> None:
    for number in range(3):
        write(rollout_path(tmp_path, thread_id(number)), b"{}\n", compressed=number == 1)
    (found,) = scan_store(tmp_path, containing=thread_id(1).upper()).rollouts
    assert found.thread_id == thread_id(1)
    assert scan_store(tmp_path, containing="no such").rollouts == []


def test_a_home_without_stores_is_empty(tmp_path: Path) -> None:
    scan = scan_store(tmp_path)
    assert (scan.rollouts, scan.unreadable) == ([], [])


def test_a_file_in_a_directorys_place_is_reported_and_hides_nothing(tmp_path: Path) -> None:
    path = write(rollout_path(tmp_path, thread_id(1)), b"{}\n")
    (tmp_path / "archived_sessions").touch()
    scan = scan_store(tmp_path)
    assert [found.path for found in scan.rollouts] == [str(path)]
    (unreadable,) = scan.unreadable
    assert unreadable.path == str(tmp_path / "archived_sessions")
    assert unreadable.reason == "Not a directory"


_SWAPPER = """
import os, random, select, sys
order = random.Random(4)
paths = sys.argv[1:]
print("swapping", flush=True)
while not select.select([0], [], [], 0)[0]:
    path = order.choice(paths)
    here, there = (path, path + ".zst") if os.path.exists(path) else (path + ".zst", path)
    os.link(here, there)
    os.unlink(here)
"""
_MOVER = """
import os, select, sys
print("moving", flush=True)
pairs = list(zip(sys.argv[1::2], sys.argv[2::2]))
while not select.select([0], [], [], 0)[0]:
    for left, right in pairs:
        os.rename(left, right) if os.path.exists(left) else os.rename(right, left)
"""


@contextmanager
def _running(script: str, *arguments: Path) -> Generator[None]:
    """Run a child until its standard input ends."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline()
        try:
            yield
        finally:
            child.communicate(timeout=20)
    assert child.returncode == 0


@pytest.mark.parametrize("count", [40, 900])
def test_no_scan_misses_or_doubles_a_rollout_under_constant_swapping(
    tmp_path: Path, count: int
) -> None:
    paths = [rollout_path(tmp_path, thread_id(number)) for number in range(count)]
    for path in paths:
        write(path, b"{}\n")
    expected = sorted(path.name for path in paths)
    naive = 0
    with _running(_SWAPPER, *paths):
        for turn in range(3000):
            # On a busy machine the swapper may rest through many turns.
            if turn >= 60 and (count < 300 or naive):
                break
            plain = {name.removesuffix(".zst") for name in os.listdir(paths[0].parent)}
            naive += sorted(plain) != expected
            assert _seen(tmp_path) == expected
    # The proof that this test can fail: large directories defeat a single pass.
    assert count < 300 or naive > 0


def test_a_rollout_moved_between_the_places_is_counted_once(tmp_path: Path) -> None:
    pairs: list[Path] = []
    for number in range(50):
        active = write(rollout_path(tmp_path, thread_id(number)), b"{}\n")
        pairs += [active, rollout_path(tmp_path, thread_id(number), archived=True)]
    (tmp_path / "archived_sessions").mkdir()
    expected = sorted(path.name for path in pairs[::2])
    with _running(_MOVER, *pairs):
        for _ in range(60):
            seen = _seen(tmp_path)
            assert len(seen) == len(set(seen))
    assert _seen(tmp_path) == expected
