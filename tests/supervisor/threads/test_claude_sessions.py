"""What claude's store tells, whatever an agent has put there."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from codexlab.agents.claude.adapter import Claude
from codexlab.agents.claude.sessions import ClaudeSessions, claude_home
from codexlab.kernel.process.identity import read_stat

FIRST, SECOND, THIRD = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "123")


@pytest.fixture
def store(tmp_path: Path) -> ClaudeSessions:
    """A store with one session of the workdir, and one of another directory."""
    (tmp_path / "work").mkdir()
    sessions = ClaudeSessions(tmp_path / "home", tmp_path / "work", time.time() - 60)
    write(sessions, FIRST, cwd=str(tmp_path / "work"), timestamp="2026-01-01T00:00:01Z")
    write(sessions, SECOND, cwd=str(tmp_path), timestamp="2026-01-01T00:00:00Z")
    return sessions


def write(store: ClaudeSessions, session: str, **record: object) -> Path:
    path = store.home / "projects" / "-some-where" / f"{session}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ({"type": "queue-operation"}, {"type": "user", **record})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def left(store: ClaudeSessions) -> list[str]:
    return [sighting.thread for sighting in store.left_behind()]


def test_a_session_is_found_by_its_name_wherever_it_was_made(store: ClaudeSessions) -> None:
    for session in (FIRST, SECOND):
        assert store.find(session, sure=True) is not None
    assert store.find(THIRD, sure=True) is None


@pytest.mark.parametrize(
    "name", ["", "..", "../x", "a/b", "-" * 36, FIRST + "\n", FIRST + "\0", "*"]
)
def test_a_name_that_no_claude_gives_is_no_session(store: ClaudeSessions, name: str) -> None:
    assert store.find(name, sure=True) is None


def test_what_was_left_behind_is_of_this_workdir_and_of_this_run(
    store: ClaudeSessions, tmp_path: Path
) -> None:
    assert left(store) == [FIRST]
    os.utime(store.home / "projects" / "-some-where" / f"{FIRST}.jsonl", (1, 1))
    assert left(store) == []
    write(store, THIRD, cwd=str(tmp_path / "work" / "below"))
    assert left(store) == [THIRD]


def test_a_session_is_one_only_once_somebody_said_something(store: ClaudeSessions) -> None:
    write(store, THIRD).write_text('{"type":"queue-operation"}\n{"type":"us')
    assert store.find(THIRD, sure=True) is None
    write(store, THIRD, isSidechain=True)
    assert store.find(THIRD, sure=True) is None


@pytest.mark.parametrize("kind", ["fifo", "directory", "link", "endless", "deep", "odd", "huge"])
def test_what_an_agent_put_in_a_transcripts_place_is_neither_waited_for_nor_believed(
    store: ClaudeSessions, tmp_path: Path, kind: str
) -> None:
    path = write(store, THIRD, cwd=str(tmp_path / "work"))
    secret = tmp_path / "elsewhere.jsonl"
    path.rename(secret)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(secret)
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    elif kind == "deep":
        path.write_text("[" * 200_000 + "\n" + '{"a":' * 100_000 + "\n")
    elif kind == "odd":
        path.write_bytes(b'{"cwd":7}\n{"cwd":"\\u0000"}\n\xff\xfe\n{"cwd":[]}\nnull\n')
    else:
        path.touch()
        os.truncate(path, 1 << 40)
    assert left(store) == [FIRST]
    if kind not in ("deep", "huge"):  # larger than what is read of it
        assert store.find(THIRD, sure=True) is None


def test_a_store_that_is_not_there_or_no_directory_tells_nothing(tmp_path: Path) -> None:
    missing = ClaudeSessions(tmp_path / "none", tmp_path, 0.0)
    (tmp_path / "projects").touch()
    for store in (missing, ClaudeSessions(tmp_path, tmp_path, 0.0)):
        assert (store.find(FIRST, sure=True), left(store)) == (None, [])


def live(store: ClaudeSessions, **said: object) -> None:
    """Say of this process that it is a living claude."""
    found = read_stat(os.getpid())
    assert found is not None
    entry = store.home / "sessions" / f"{found.pid}.json"
    entry.parent.mkdir(exist_ok=True)
    entry.write_text(json.dumps({"procStart": str(found.start_time), **said}))


def held(store: ClaudeSessions, *words: str) -> tuple[str, ...]:
    environ = {"CLAUDE_CONFIG_DIR": str(store.home)}
    return Claude().sessions_to_hold(("claude", *words), environ, store.workdir)


@pytest.mark.parametrize("session", [[FIRST], {}, 1, None, "x", "\ud800"])
@pytest.mark.parametrize("cwd", [[], 1, None, "/\0", "/\ud800"])
def test_what_an_agent_says_for_a_living_claude_is_no_fault(
    store: ClaudeSessions, session: object, cwd: object
) -> None:
    live(store, sessionId=session, cwd=cwd)
    write(store, SECOND, cwd=cwd)
    assert (left(store), held(store, "--continue")) == ([FIRST], ())


@pytest.mark.parametrize("word", ["--continue", "-c", "-pc", "-cp"])
def test_what_a_living_claude_works_on_is_not_gone_on_with(
    store: ClaudeSessions, word: str
) -> None:
    live(store, sessionId=FIRST, cwd=str(store.workdir))
    assert (left(store), held(store, word)) == ([], (FIRST,))


def test_where_a_person_typed_the_newest_counts_and_no_program_of_the_agents(
    store: ClaudeSessions, tmp_path: Path
) -> None:
    typed = ClaudeSessions(store.home, store.workdir, store.since, interactive=True)
    cwd = str(tmp_path / "work")
    write(store, SECOND, cwd=cwd, entrypoint="cli")
    write(store, THIRD, cwd=cwd, entrypoint="sdk-cli")
    for session, later in ((SECOND, time.time() + 5), (THIRD, time.time() + 9)):
        os.utime(store.home / "projects" / "-some-where" / f"{session}.jsonl", (later, later))
    assert left(typed) == [SECOND]


def test_the_store_is_where_claude_itself_keeps_it() -> None:
    assert claude_home({"HOME": "/h"}) == Path("/h/.claude")
    assert claude_home({"HOME": "/h", "CLAUDE_CONFIG_DIR": "/c"}) == Path("/c")
    assert claude_home({"HOME": "/h", "CLAUDE_CONFIG_DIR": ""}) == Path("/h/.claude")


def test_sessions_beyond_counting_are_not_all_read(store: ClaudeSessions) -> None:
    """One file of 256 KB under 20,000 names: reading them all takes minutes."""
    first = write(store, THIRD, cwd="/elsewhere", text="x" * 120)
    with first.open("a") as file:
        file.write('{"a": [' + ", ".join(["1"] * 80_000) + "]}\n")
    for number in range(20_000):
        (first.parent / f"{number:08}-0000-4000-8000-000000000000.jsonl").hardlink_to(first)
    before = time.process_time()
    assert left(store) in ([], [FIRST])
    assert time.process_time() - before < 15
