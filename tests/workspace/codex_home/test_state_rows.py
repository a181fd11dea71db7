"""An outdated row of codex's own index goes; nothing else is written, waited for or believed."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from codexlab.workspace.codex_home.heal import heal_codex_home
from codexlab.workspace.codex_home.index_rows import ThreadFile, forget_outdated
from codexlab.workspace.paths import WorkspacePaths

pytestmark = pytest.mark.usefixtures("claim")
THREAD, OTHER = "01a20000-0000-7000-8000-000000000001", "01a20000-0000-7000-8000-000000000002"
_TABLE = (
    "create table threads (id text primary key, rollout_path text, history_mode text,"
    " archived integer default 0)"
)


@pytest.fixture
def index(paths: WorkspacePaths, shared: Path) -> Path:
    """The index of a healed home, with two threads."""
    heal_codex_home(paths, shared)
    database = paths.codex_home / "state_5.sqlite"
    write(database, _TABLE)
    for thread in (THREAD, OTHER):
        add(database, thread, paths.codex_home / "sessions/old.jsonl")
    return database


def write(database: Path, statement: str, *values: object) -> None:
    """Carry out one statement."""
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(statement, values)


def add(database: Path, thread: str, path: Path, mode: str = "paginated") -> None:
    """Record where a thread lies."""
    write(database, "insert into threads values (?, ?, ?, 0)", thread, str(path), mode)


Killed = Callable[[Path, str], None]


@pytest.fixture
def killed() -> Killed:
    """Have a process write into the log of a database, and kill it before it ends."""
    script = (
        "import os, signal, sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('pragma journal_mode = wal')\n"
        "connection.execute(sys.argv[2])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    def run(database: Path, statement: str) -> None:
        argv = [sys.executable, "-c", script, str(database), statement]
        assert subprocess.run(argv, check=False).returncode == -signal.SIGKILL

    return run


def threads(database: Path) -> list[str]:
    """Return the threads that are recorded."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return [name for (name,) in connection.execute("select id from threads order by id")]


def newest(shared: Path, name: str = "new.jsonl", mode: str = "paginated") -> ThreadFile:
    """Describe the thread's newest file in the shared store."""
    return ThreadFile(THREAD, shared / "sessions" / name, mode)


def test_a_row_that_names_another_file_goes_and_no_other(
    index: Path, paths: WorkspacePaths, shared: Path
) -> None:
    assert forget_outdated(paths, newest(shared)) is None
    assert threads(index) == [OTHER]


def test_a_row_that_names_the_file_by_a_path_through_the_home_stays(
    index: Path, paths: WorkspacePaths, shared: Path
) -> None:
    before = index.read_bytes()
    assert forget_outdated(paths, newest(shared, "old.jsonl")) is None
    assert index.read_bytes() == before


def test_a_row_of_before_the_file_was_migrated_goes(
    index: Path, paths: WorkspacePaths, shared: Path
) -> None:
    write(index, "update threads set history_mode = 'legacy'")
    assert forget_outdated(paths, newest(shared, "old.jsonl")) is None
    assert threads(index) == [OTHER]


def test_a_row_that_calls_an_active_thread_archived_goes(
    index: Path, paths: WorkspacePaths, shared: Path
) -> None:
    write(index, "update threads set archived = 1")
    assert forget_outdated(paths, newest(shared, "old.jsonl")) is None
    assert threads(index) == [OTHER]


def test_an_index_of_codex_0_135_that_knows_no_history_mode_is_read(
    index: Path, paths: WorkspacePaths, shared: Path
) -> None:
    write(index, "alter table threads drop column history_mode")
    assert forget_outdated(paths, newest(shared, "old.jsonl", "legacy")) is None
    assert threads(index) == [OTHER, THREAD] or threads(index) == [THREAD, OTHER]


def plant_fifo(index: Path, _foreign: Path) -> None:
    index.unlink()
    os.mkfifo(index)


def plant_directory(index: Path, _foreign: Path) -> None:
    index.unlink()
    index.mkdir()


def plant_link(index: Path, foreign: Path) -> None:
    index.unlink()
    index.symlink_to(foreign)


def plant_second_name(index: Path, foreign: Path) -> None:
    index.unlink()
    index.hardlink_to(foreign)


def plant_link_for_the_log(index: Path, foreign: Path) -> None:
    index.with_name(f"{index.name}-wal").symlink_to(foreign)


def plant_link_for_the_journal(index: Path, foreign: Path) -> None:
    index.with_name(f"{index.name}-journal").symlink_to(foreign)


def plant_journal(index: Path, foreign: Path) -> None:
    """Leave the journal of an unfinished transaction, whose master is the user's own index."""
    with contextlib.closing(sqlite3.connect(index, isolation_level=None)) as connection:
        connection.execute("begin immediate")
        connection.execute("delete from threads")
        journal = index.with_name(f"{index.name}-journal")
        data = journal.read_bytes()
        connection.execute("rollback")
    magic, name = bytes.fromhex("d9d505f920a163d7"), os.fsencode(foreign)
    page = (0x40000000 // 4096 + 1).to_bytes(4)
    numbers = (len(name).to_bytes(4), sum(name).to_bytes(4))
    journal.write_bytes(magic + data[8:512] + page + name + b"".join(numbers) + magic)


def plant_huge_log(index: Path, _foreign: Path) -> None:
    with index.with_name(f"{index.name}-wal").open("wb") as file:
        file.truncate(1 << 40)


def plant_garbage(index: Path, _foreign: Path) -> None:
    index.write_bytes(os.urandom(65536))


def plant_trigger(index: Path, _foreign: Path) -> None:
    write(
        index,
        "create trigger t before delete on threads begin"
        f" update threads set id = 'gone' where id = '{OTHER}'; end",
    )


def plant_endless_view(index: Path, _foreign: Path) -> None:
    write(index, "drop table threads")
    write(
        index,
        "create view threads as with recursive n(id) as"
        " (select 1 union all select id + 1 from n) select id from n",
    )


def plant_endless_column(index: Path, _foreign: Path) -> None:
    write(index, "drop table threads")
    endless = (
        "(with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n)"
    )
    write(index, "create table base (id text)")
    write(index, f"create view threads as select id, {endless} as rollout_path from base")
    write(index, "insert into base values (?)", THREAD)


@pytest.mark.parametrize(
    "plant",
    [
        plant_fifo,
        plant_directory,
        plant_link,
        plant_second_name,
        plant_link_for_the_log,
        plant_link_for_the_journal,
        plant_journal,
        plant_huge_log,
        plant_garbage,
        plant_trigger,
    ],
)
def test_an_index_that_an_agent_planted_is_one_line_and_leads_nowhere(
    plant: Callable[[Path, Path], None], index: Path, paths: WorkspacePaths, shared: Path
) -> None:
    foreign = shared / "state_5.sqlite"
    write(foreign, _TABLE)
    add(foreign, THREAD, Path("/elsewhere"))
    before = foreign.read_bytes()
    plant(index, foreign)
    started = time.monotonic()
    line = forget_outdated(paths, newest(shared))
    assert time.monotonic() - started < 30
    assert line is not None
    assert line.startswith("codex's index of threads cannot be used (")
    assert "\n" not in line
    assert foreign.read_bytes() == before
    assert not list(shared.glob("state_5.sqlite-*"))


@pytest.mark.parametrize("plant", [plant_endless_view, plant_endless_column])
def test_a_schema_that_never_ends_is_not_waited_for(
    plant: Callable[[Path, Path], None], index: Path, paths: WorkspacePaths, shared: Path
) -> None:
    plant(index, shared)
    started = time.monotonic()
    forget_outdated(paths, newest(shared))
    assert time.monotonic() - started < 30


def test_a_locked_index_is_one_line_after_a_moment(
    index: Path, paths: WorkspacePaths, shared: Path
) -> None:
    with contextlib.closing(sqlite3.connect(index)) as holder:
        holder.execute("begin exclusive")
        line = forget_outdated(paths, newest(shared))
    assert line is not None
    assert "locked" in line
    assert THREAD in threads(index)


def test_a_row_that_is_only_in_the_log_of_a_killed_codex_goes_too(
    index: Path, paths: WorkspacePaths, shared: Path, killed: Killed
) -> None:
    killed(index, "update threads set rollout_path = '/elsewhere.jsonl'")
    assert index.with_name(f"{index.name}-wal").stat().st_size > 0
    assert forget_outdated(paths, newest(shared, "old.jsonl")) is None
    assert threads(index) == [OTHER]
    assert not list(index.parent.glob(".state-*"))


def test_a_log_that_says_what_is_right_stays_as_it_is(
    index: Path, paths: WorkspacePaths, shared: Path, killed: Killed
) -> None:
    write(index, "update threads set rollout_path = '/elsewhere.jsonl'")
    right = paths.codex_home / "sessions/old.jsonl"
    killed(index, f"update threads set rollout_path = '{right}'")
    log = index.with_name(f"{index.name}-wal")
    before = index.read_bytes(), log.read_bytes()
    assert forget_outdated(paths, newest(shared, "old.jsonl")) is None
    assert (index.read_bytes(), log.read_bytes()) == before


def test_a_journal_that_a_lock_hides_for_a_moment_is_not_played_back(
    index: Path, paths: WorkspacePaths, shared: Path
) -> None:
    """While somebody seems to be writing it is no leftover; then it names what to unlink."""
    victim = shared / "victim"
    victim.touch()
    plant_journal(index, victim)
    held = (
        "import fcntl, sys\nfile = open(sys.argv[1], 'r+b')\n"
        "fcntl.lockf(file, fcntl.LOCK_EX, 1, 0x40000001)\nprint(flush=True)\n"
        "sys.stdin.read()\nfcntl.lockf(file, fcntl.LOCK_UN, 1, 0x40000001)\n"
    )
    argv = [sys.executable, "-c", held, str(index)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdout.readline()
        release = threading.Timer(0.5, holder.stdin.close)
        release.start()
        line = forget_outdated(paths, newest(shared))
        release.join()
    assert victim.exists()
    assert line is not None
