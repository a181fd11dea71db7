"""What ripgrep's own walk of a store may have missed is not believed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.rollout.files import frame, lines, message, meta, rollout_path, thread_id, write
from support.rollout.searches import (
    RG,
    lines_found,
    make_rollout,
    needs_ripgrep,
    pose_as_ripgrep,
    search,
    start_walk,
)

from codexlab.rollout import make_query
from codexlab.rollout.catalog.filters import select_rollouts
from codexlab.rollout.search import ripgrep_walk as walking
from codexlab.rollout.search import search as searching
from codexlab.rollout.search.ripgrep_walk import RipgrepWalk
from codexlab.rollout.search.search import search_rollouts

_HOUR_NS = 3600 * 10**9


@pytest.fixture
def since_now(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Let a walk begin just when a directory was last changed."""

    def begin(directory: Path) -> None:
        status = directory.stat()
        begun = max(status.st_mtime_ns, status.st_ctime_ns)
        monkeypatch.setattr(walking, "_REST_NS", 0)
        monkeypatch.setattr(walking, "_clock", lambda: (begun, 0))

    return begin


def _change(directory: Path) -> None:
    """Make and remove a name until it shows in the directory's times."""
    before = directory.stat().st_mtime_ns
    while directory.stat().st_mtime_ns <= before:
        (directory / "passing").touch()
        (directory / "passing").unlink()


def test_a_directory_at_rest_has_been_seen(
    tmp_path: Path, since_now: Callable[[Path], None]
) -> None:
    day = make_rollout(tmp_path, 1).parent
    since_now(day)
    with closing(start_walk(pose_as_ripgrep(tmp_path), tmp_path)) as walk:
        assert not walk.has_seen(str(day))  # not before it has ended
        assert walk.finish() == {}
        assert walk.has_seen(str(day))


@pytest.mark.parametrize("level", range(4))
def test_a_change_in_a_directory_or_on_the_way_to_it_is_not_missed(
    tmp_path: Path, since_now: Callable[[Path], None], level: int
) -> None:
    day = make_rollout(tmp_path, 1).parent
    since_now(day)
    with closing(start_walk(pose_as_ripgrep(tmp_path), tmp_path)) as walk:
        _change([day, *day.parents][level])
        walk.finish()
        assert not walk.has_seen(str(day))


def test_another_directory_in_the_place_of_a_root_has_not_been_seen(
    tmp_path: Path, at_rest: None
) -> None:
    link = tmp_path / "sessions"
    for name in ("one", "two"):
        day = make_rollout(tmp_path / name, 1).parent.relative_to(tmp_path / name / "sessions")
    link.symlink_to(tmp_path / "one" / "sessions")
    with closing(start_walk(pose_as_ripgrep(tmp_path), tmp_path)) as walk:
        walk.finish()
        assert walk.has_seen(str(link / day))
    with closing(start_walk(pose_as_ripgrep(tmp_path), tmp_path)) as walk:
        link.unlink()
        link.symlink_to(tmp_path / "two" / "sessions")
        walk.finish()
        assert not walk.has_seen(str(link / day))


def test_a_root_that_was_not_there_has_not_been_seen(tmp_path: Path, at_rest: None) -> None:
    make_rollout(tmp_path, 1)
    with closing(start_walk(pose_as_ripgrep(tmp_path), tmp_path)) as walk:
        late = make_rollout(tmp_path, 2, archived=True).parent
        walk.finish()
        assert not walk.has_seen(str(late))


def test_while_the_clock_is_set_nothing_counts_as_at_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_rest: None
) -> None:
    day = make_rollout(tmp_path, 1).parent
    now = time.time_ns()
    clock = iter([(now, 0), (now - _HOUR_NS, 10**6)])
    monkeypatch.setattr(walking, "_clock", lambda: next(clock))
    with closing(start_walk(pose_as_ripgrep(tmp_path), tmp_path)) as walk:
        walk.finish()
        assert not walk.has_seen(str(day))


@pytest.mark.parametrize(
    "body",
    [
        "raise SystemExit(2)",
        "import os; os.kill(os.getpid(), 9)",
        "import os, sys\nprint(end='half a line', flush=True)\nos.kill(os.getpid(), 7)",
    ],
)
def test_a_walk_that_does_not_end_well_has_seen_nothing(
    tmp_path: Path, at_rest: None, body: str
) -> None:
    make_rollout(tmp_path, 1, message("user", "needle"))
    make_rollout(tmp_path, 2, message("user", "needle"), archived=True)
    assert lines_found(search(tmp_path, ripgrep=pose_as_ripgrep(tmp_path, body))) == [2, 2]
    # That a walk that ends well is believed is shown by one that finds nothing.
    assert not search(tmp_path, ripgrep=pose_as_ripgrep(tmp_path))


@pytest.mark.parametrize("content", [None, b"\x7fELF, but not quite", b"#!/nowhere/at/all\n"])
def test_a_ripgrep_that_cannot_be_started_is_done_without(
    tmp_path: Path, at_rest: None, content: bytes | None
) -> None:
    make_rollout(tmp_path, 1, message("user", "needle"))
    program = tmp_path / "rg"
    if content is not None:
        program.write_bytes(content)
        program.chmod(0o755)
    before = set(os.listdir("/proc/self/fd"))
    assert lines_found(search(tmp_path, ripgrep=str(program))) == [2]
    assert set(os.listdir("/proc/self/fd")) == before


_CHANGES = """
import os, sys
day, plain, spare = {day!r}, {plain!r}, {spare!r}
def settle():
    before = os.stat(day).st_mtime_ns
    while os.stat(day).st_mtime_ns <= before:
        os.link(spare, day + "/passing")
        os.unlink(day + "/passing")
if "--no-ignore" not in sys.argv:
    os.execv({rg!r}, sys.argv)
settle()
{change}
open({changed!r}, "w").close()
sys.exit(1)
"""


@needs_ripgrep
@pytest.mark.parametrize(
    ("compressed", "change"),
    [
        (True, "os.link(spare, plain); os.unlink(plain + '.zst')"),
        (False, "os.link(spare + '.zst', plain + '.zst'); os.unlink(plain)"),
        (False, "os.rename(plain, day + '/away'); os.rename(day + '/away', plain)"),
    ],
    ids=["materialized", "compressed", "moved"],
)
def test_a_rollout_that_changes_form_behind_the_walk_is_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    since_now: Callable[[Path], None],
    compressed: bool,
    change: str,
) -> None:
    data = lines(meta(thread_id(1)), message("user", "needle"))
    plain = rollout_path(tmp_path, thread_id(1))
    write(plain, data, compressed=compressed)
    spare = tmp_path / "spare"
    spare.write_bytes(data)
    spare.with_name("spare.zst").write_bytes(frame(data))
    since_now(plain.parent)
    changed = tmp_path / "changed"
    os.mkfifo(changed)

    def select_when_changed(*asked: Any) -> Any:
        changed.read_bytes()
        return select_rollouts(*asked)

    monkeypatch.setattr(searching, "select_rollouts", select_when_changed)
    places = {"day": plain.parent, "plain": plain, "spare": spare, "changed": changed}
    texts = {name: str(path) for name, path in places.items()}
    rg = pose_as_ripgrep(tmp_path, _CHANGES.format(rg=RG, change=change, **texts))
    assert lines_found(search(tmp_path, ripgrep=rg)) == [2]


# A walk that was started before


@needs_ripgrep
def test_only_a_walk_that_asks_the_same_is_taken_over(tmp_path: Path, at_rest: None) -> None:
    make_rollout(tmp_path, 1, message("user", "needle"))
    nothing, home, other = pose_as_ripgrep(tmp_path), str(tmp_path), tmp_path / "other"
    other.mkdir()

    def found(ripgrep: str | None, *asked: Any) -> int:
        walk, query = RipgrepWalk(*asked), make_query("needle")
        return len(list(search_rollouts(home, query, ripgrep=ripgrep, ahead=walk)))

    assert found(nothing, nothing, home, b"needle", False, None) == 0
    for asked in (
        (RG, home, b"needle", False, None),
        (nothing, home, b"needle", False, None),
        (RG, str(other), b"needle", False, None),
        (RG, home, b"thread", False, None),
        (RG, home, b"needle", True, None),
        (RG, home, b"needle", False, True),
        (None, home, b"needle", False, None),
    ):
        assert found(RG, *asked) == 1
    assert found(None, nothing, home, b"needle", False, None) == 1


def test_a_walk_that_is_not_wanted_is_ended(tmp_path: Path) -> None:
    make_rollout(tmp_path, 1)
    os.mkfifo(tmp_path / "never")
    with closing(
        start_walk(pose_as_ripgrep(tmp_path, f"open({str(tmp_path / 'never')!r})"), tmp_path)
    ) as walk:
        pass
    walk.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
