"""Guardians forked ahead: each run gets one of its own that lives and that nobody touched."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
from support.processes.killing import stop
from support.processes.leaks import descendants

from codexlab.guardian.channel import Channel
from codexlab.guardian.protocol import Finish
from codexlab.supervisor.guardian_client.pool import _Guardians


@pytest.fixture
def guardians() -> Iterator[_Guardians]:
    kept = _Guardians()
    yield kept
    kept.let_go()
    if kept._process is not None:
        kept._process.wait(30)


def test_the_next_one_is_there_before_it_is_asked_for(guardians: _Guardians) -> None:
    assert guardians.take_at_once() is None
    first = guardians.take()
    wait_until_one_waits(guardians)
    second = guardians.take_at_once()
    assert second is not None
    for channel, pid in (first, second):
        end(channel, pid)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_one_that_was_ended_or_sent_a_signal_while_it_waited_is_passed_over(
    guardians: _Guardians, signum: int
) -> None:
    first = guardians.take()
    waiting = wait_until_one_waits(guardians)
    with pidfd(waiting) as fd:
        os.kill(waiting, signum)
        assert guardians._next is not None
        wait_readable(guardians._next.channel.fileno())
        second = guardians.take()
        assert second[1] not in (waiting, first[1])
        wait_readable(fd.fileno())  # the one passed over ends as well
    for channel, pid in (first, second):
        end(channel, pid)


def test_one_that_was_stopped_while_it_waited_is_passed_over_and_continued_to_end(
    guardians: _Guardians,
) -> None:
    first = guardians.take()
    waiting = wait_until_one_waits(guardians)
    with pidfd(waiting) as fd:
        stop(waiting)
        second = guardians.take()
        assert second[1] not in (waiting, first[1])
        wait_readable(fd.fileno())
    for channel, pid in (first, second):
        end(channel, pid)


def test_a_killed_server_is_replaced_and_takes_the_one_that_waits_with_it(
    guardians: _Guardians,
) -> None:
    first = guardians.take()
    waiting = wait_until_one_waits(guardians)
    assert guardians._process is not None
    with pidfd(waiting) as fd:
        guardians._process.kill()
        guardians._process.wait(30)
        second = guardians.take()
        wait_readable(fd.fileno())
    for channel, pid in (first, second):
        end(channel, pid)


def test_many_threads_get_one_each_and_its_own_channel(guardians: _Guardians) -> None:
    taken: list[tuple[Channel, int]] = []
    threads = [
        threading.Thread(target=lambda: taken.append(guardians.take_at_once() or guardians.take()))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({pid for _, pid in taken}) == 12
    for channel, pid in taken:
        end(channel, pid)


HOST = """
import os, sys, threading, time
import anyio
from pathlib import Path
from codexlab.supervisor import LaunchRequest, open_run

HERE = Path(sys.argv[1])

async def one(issue, *command):
    request = LaunchRequest(issue, command, dict(os.environ), HERE, HERE / "ws", HERE / "shared",
                            no_repo=True, stdin="null", grace=1.0)
    async with open_run(request, stdout=1) as run:
        outcome = await run.outcome()
        assert outcome.status == 0, outcome
"""


def host(program: str, environ: Mapping[str, str], scratch: Path, **options: Any) -> str:
    """Run a host to its end; return what it and its agents printed."""
    argv = [sys.executable, "-c", HOST + program, str(scratch)]
    done = subprocess.run(
        argv,
        env=dict(environ),
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
        **options,
    )
    return str(done.stdout)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
def test_what_a_host_has_given_up_its_later_agents_have_not(
    clean_environ: Mapping[str, str], scratch: Path
) -> None:
    program = """
os.umask(0o022)
anyio.run(one, "a", "sh", "-c", "id -G; umask; ulimit -Sn", backend="trio")
import resource
os.umask(0o077)
resource.setrlimit(resource.RLIMIT_NOFILE, (500, 500))
os.setgroups([])
os.setresgid(65534, 65534, 65534)
anyio.run(one, "b", "sh", "-c", "id -G; umask; ulimit -Sn", backend="trio")
"""
    told = host(program, clean_environ, scratch).splitlines()
    assert (told[0].split()[0], told[1]) == ("0", "0022")
    assert told[3:] == ["65534", "0077", "500"]


def test_a_host_that_is_killed_takes_its_run_with_it_though_something_it_forked_lives_on(
    clean_environ: Mapping[str, str], scratch: Path
) -> None:
    program = """
async def main():
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one, "a", "sh", "-c", "echo agent $$; sleep 60")
        await anyio.sleep_forever()

def fork_when_it_runs():
    while not list(HERE.glob("ws/*/*/*/.codexlab/runs/*/stdout.log")):
        time.sleep(0.01)
    forked = os.fork()
    if forked == 0:
        time.sleep(60)
        os._exit(0)
    print("forked", forked, flush=True)

threading.Thread(target=fork_when_it_runs, daemon=True).start()
anyio.run(main, backend="trio")
"""
    argv = [sys.executable, "-c", HOST + program, str(scratch)]
    with subprocess.Popen(argv, env=dict(clean_environ), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = sorted(process.stdout.readline().split() for _ in range(2))
        assert [what for what, _ in told] == [b"agent", b"forked"]
        forked = int(told[1][1])
        others = [
            pidfd(each.pid) for each in descendants() if each.pid not in (forked, process.pid)
        ]
        process.kill()
        # The agent and what it started, its guardian, the one that waits, and who forks them.
        assert len(others) >= 4
        for fd in others:
            wait_readable(fd.fileno())
            fd.close()
        os.kill(forked, signal.SIGKILL)


def test_a_child_that_the_host_forks_at_any_moment_has_guardians_of_its_own(
    clean_environ: Mapping[str, str], scratch: Path
) -> None:
    program = """
from codexlab.supervisor.guardian_client import pool
with pool._guardians_of_host._lock:  # as a thread that just takes a guardian has it
    child = os.fork()
if child == 0:
    anyio.run(one, "a", "echo", "of the child", backend="trio")
    sys.stdout.flush()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
anyio.run(one, "b", "echo", "of the host", backend="trio")
"""
    assert host(program, clean_environ, scratch) == "of the child\nof the host\n"


def test_nothing_is_imported_from_the_directory_the_host_is_in(
    clean_environ: Mapping[str, str], scratch: Path
) -> None:
    planted = scratch / "planted"
    planted.mkdir()
    for name in ("select", "socket", "json", "gc"):
        (planted / f"{name}.py").write_text("print('planted', flush=True)\nraise SystemExit(1)\n")
    script = scratch / "host.py"
    script.write_text(HOST + 'anyio.run(one, "a", "echo", "ran", backend="trio")\n')
    done = subprocess.run(
        [sys.executable, str(script), str(scratch)], cwd=planted, env=dict(clean_environ),
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("ran\n", "")


def test_a_receiver_that_was_interrupted_gives_nobody_a_guardian_of_another_channel(
    guardians: _Guardians,
) -> None:
    first = guardians.take()
    wait_until_one_waits(guardians)
    assert guardians._next is not None
    guardians._next.channel.close()
    guardians._next = None  # as if interrupted after it was ordered, before it was received
    second = guardians.take()
    for channel, pid in (first, second):
        end(channel, pid)


def wait_until_one_waits(guardians: _Guardians) -> int:
    """Return the pid of the guardian that no run has yet."""
    assert guardians._channel is not None
    assert guardians._process is not None
    wait_readable(guardians._channel.fileno())
    server = guardians._process.pid
    return max(map(int, Path(f"/proc/{server}/task/{server}/children").read_text().split()))


def wait_readable(fd: int) -> None:
    assert select.select([fd], [], [], 30)[0], "nothing happened"


def pidfd(pid: int) -> FileIO:
    return FileIO(os.pidfd_open(pid))


def end(channel: Channel, pid: int) -> None:
    """Close a channel, and see the guardian end that this should be the channel of."""
    with pidfd(pid) as fd:
        channel.send(Finish(0))
        channel.close()
        wait_readable(fd.fileno())
