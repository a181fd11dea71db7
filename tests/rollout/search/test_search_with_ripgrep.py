"""A search with ripgrep finds what a search without it does."""

from __future__ import annotations

import os
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
)

from codexlab.rollout import Filters, Role, RolloutForm


def _varied_store(base: Path) -> Path:
    """Every kind of name and place, also those that only one of the two might take."""
    home, elsewhere = base / "home", base / "elsewhere"
    elsewhere.mkdir(parents=True)
    home.mkdir()
    (home / "sessions").symlink_to(elsewhere)
    early = message("user", "a needle, early", at="2025-01-02T12:00:00.000Z")
    late = message("assistant", "a NEEDLE\nand a needle", at="2025-01-04T12:00:00.000Z")
    for number in range(12):
        make_rollout(
            home,
            number,
            *[early, late][: number % 3],
            at=f"2025-01-0{1 + number % 3}T12-00-00",
            compressed=number % 4 == 3,
            archived=number % 5 == 4,
            cwd=f"/src/{number % 2}",
        )
    both = make_rollout(home, 20, early)
    write(both, both.read_bytes(), compressed=True)
    day = both.parent
    data = lines(meta(thread_id(30)), early)
    leaf = rollout_path(home, thread_id(30)).name
    for stray in (
        day / ("x" + leaf),
        day / leaf.upper(),
        day / "rollout-not-a-date.jsonl",
        day / "rollout-with\na break.jsonl",
        day / "deeper" / leaf,
        day.parent / leaf,
        day.parent / "xx" / leaf,
        home / "archived_sessions" / "2025" / leaf,
        home / "sessions" / ".hidden" / leaf,
    ):
        write(stray, data)
    (day / rollout_path(home, thread_id(31)).name).symlink_to(both)
    (day.parent / "09").symlink_to(day)
    (day / rollout_path(home, thread_id(32)).name).mkdir()
    for ignoring in (".gitignore", ".ignore", ".rgignore"):
        (elsewhere / ignoring).write_text("*\n")
        (home / ignoring).write_text("*\n")
    (home / ".git").mkdir()
    return home


_CHOICES: dict[str, dict[str, Any]] = {
    "plainly": {},
    "in any case": {"ignore_case": True},
    "by expression": {"pattern": "n.?edle", "regex": True},
    "in context": {"pattern": "needle, early", "context": 1},
    "of a user": {"pattern": "a needle", "roles": frozenset({Role.USER})},
    "in metadata": {"pattern": "codex_exec", "roles": frozenset({Role.META})},
    "since": {"since": "2025-01-03T00:00:00.000Z"},
    "until": {"until": "2025-01-03T00:00:00.000Z"},
    "of a directory": {"filters": Filters(cwd="/src/1")},
    "archived": {"filters": Filters(archived=True)},
    "active": {"filters": Filters(archived=False)},
    "plain": {"filters": Filters(form=RolloutForm.PLAIN)},
    "compressed": {"filters": Filters(form=RolloutForm.COMPRESSED)},
    "begun then": {"filters": Filters(since="2025-01-02", until="2025-01-03")},
    "of some threads": {"filters": Filters(threads=frozenset(map(thread_id, range(4))))},
    "in vain": {"pattern": "absent from all"},
}


@needs_ripgrep
@pytest.mark.parametrize("choice", _CHOICES)
def test_ripgrep_finds_what_reading_everything_does(tmp_path: Path, choice: str) -> None:
    home, options = _varied_store(tmp_path), _CHOICES[choice]
    expected = search(home, **options, ripgrep=None)
    assert search(home, **options) == expected
    assert bool(expected) == (choice != "in vain")


@needs_ripgrep
@pytest.mark.parametrize(
    "home", [".", "-e", "with\na break", os.fsdecode(b"\xff \xc3\xbc"), "a/"], ids=ascii
)
def test_a_home_of_any_name_is_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make_rollout(Path(home), 1, message("user", "needle"))
    assert lines_found(search(home)) == [2]
    assert search(home) == search(home, ripgrep=None)


@needs_ripgrep
def test_a_directory_whose_name_would_end_a_line_of_output_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = make_rollout(tmp_path, 1, message("user", "needle"), archived=True)
    make_rollout(tmp_path, 2)
    misleading = Path("sessions", "torn\n.", "archived_sessions", found.name)
    # The same offset, another number.
    write(misleading, found.read_bytes().replace(b"}\n", b"\n\n", 1))
    assert lines_found(search(".")) == [2]


@needs_ripgrep
def test_ripgrep_is_asked_once_for_all_rollouts(tmp_path: Path) -> None:
    make_rollout(tmp_path, 1, message("user", "needle"))
    make_rollout(tmp_path, 2, message("user", "needle"), archived=True)
    rg = pose_as_ripgrep(
        tmp_path,
        f"import os, sys\nopen({str(tmp_path / 'calls')!r}, 'a').write('x')\n"
        f"os.execv({RG!r}, sys.argv)",
    )
    assert lines_found(search(tmp_path, ripgrep=rg)) == [2, 2]
    assert (tmp_path / "calls").read_text() == "x"


@pytest.mark.parametrize(
    "filters",
    [Filters(threads=frozenset()), Filters(form=RolloutForm.COMPRESSED)],
    ids=["threads", "compressed"],
)
def test_ripgrep_is_not_started_where_no_plain_rollout_is_wanted(
    tmp_path: Path, filters: Filters
) -> None:
    make_rollout(tmp_path, 1, message("user", "needle"))
    rg = pose_as_ripgrep(tmp_path, f"open({str(tmp_path / 'calls')!r}, 'w')")
    assert not search(tmp_path, ripgrep=rg, filters=filters)
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize(
    "body",
    [
        "raise SystemExit(2)",
        "import os; os.kill(os.getpid(), 9)",
        "import os, sys\nprint(end='half a line', flush=True)\nos.kill(os.getpid(), 7)",
    ],
)
def test_a_ripgrep_that_does_not_end_well_has_read_nothing(tmp_path: Path, body: str) -> None:
    make_rollout(tmp_path, 1, message("user", "needle"))
    make_rollout(tmp_path, 2, message("user", "needle"), archived=True)
    assert lines_found(search(tmp_path, ripgrep=pose_as_ripgrep(tmp_path, body))) == [2, 2]
    # That it is believed when it ends well is shown by one that finds nothing.
    assert not search(tmp_path, ripgrep=pose_as_ripgrep(tmp_path))


@pytest.mark.parametrize("content", [None, b"\x7fELF, but not quite", b"#!/nowhere/at/all\n"])
def test_a_ripgrep_that_cannot_be_started_is_done_without(
    tmp_path: Path, content: bytes | None
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
plain, spare = {plain!r}, {spare!r}
{change}
os.execv({rg!r}, sys.argv)
"""


@needs_ripgrep
@pytest.mark.parametrize(
    ("compressed", "change"),
    [
        (True, "os.link(spare, plain); os.unlink(plain + '.zst')"),
        (False, "os.link(spare + '.zst', plain + '.zst'); os.unlink(plain)"),
        (False, "os.rename(plain, spare + '.away'); os.rename(spare + '.away', plain)"),
    ],
    ids=["materialized", "compressed", "moved"],
)
def test_a_rollout_that_changes_form_before_ripgrep_reads_it_is_found(
    tmp_path: Path, compressed: bool, change: str
) -> None:
    make_rollout(tmp_path, 2)
    data = lines(meta(thread_id(1)), message("user", "needle"))
    plain = rollout_path(tmp_path, thread_id(1))
    write(plain, data, compressed=compressed)
    spare = tmp_path / "spare"
    spare.write_bytes(data)
    spare.with_name("spare.zst").write_bytes(frame(data))
    body = _CHANGES.format(plain=str(plain), spare=str(spare), change=change, rg=RG)
    assert lines_found(search(tmp_path, ripgrep=pose_as_ripgrep(tmp_path, body))) == [2]
