"""Processes are named so that none is mistaken for another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from codexlab.kernel.containment import by_environ
from codexlab.kernel.containment.by_environ import find_by_environ
from codexlab.kernel.process.identity import (
    ProcessIdentity,
    ProcessStat,
    identify,
    is_live,
    is_running,
    parse_stat,
    read_stat,
)
from codexlab.kernel.process.procfs import (
    all_stats,
    descendants,
    open_pidfd,
    send_signal,
    wait_any_exit,
)


def this() -> ProcessIdentity:
    found = identify(os.getpid())
    assert found is not None
    return found


def test_a_command_name_with_spaces_and_parentheses_does_not_shift_the_fields() -> None:
    line = "12 (a ) R (b) S 1 2 3 " + " ".join(str(n) for n in range(7, 40))
    stat = parse_stat(line)
    assert (stat.pid, stat.state, stat.parent, stat.group, stat.session) == (12, "S", 1, 2, 3)


def test_a_process_is_itself_and_no_other_start_or_boot() -> None:
    assert is_running(this())
    assert not is_running(replace(this(), start_time=1))
    assert not is_running(replace(this(), boot_id="another"))


def test_a_reused_pid_is_neither_opened_nor_signalled() -> None:
    stale = replace(this(), start_time=this().start_time - 1)
    assert open_pidfd(stale) is None
    assert not send_signal(stale, signal.SIGKILL)


def test_a_zombie_no_longer_runs() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    identity = identify(pid)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert identity is not None
    assert not is_running(identity)
    os.waitpid(pid, 0)
    assert read_stat(pid) is None


def test_a_process_whose_first_thread_ended_is_still_alive() -> None:
    script = (
        "import ctypes, threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "print('up', flush=True)\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        stat = read_stat(process.pid)
        while stat is not None and stat.state != "Z":
            stat = read_stat(process.pid)
        assert stat is not None
        assert is_live(stat)
        identity = identify(process.pid)
        assert identity is not None
        assert is_running(identity)
        process.kill()


def test_descendants_are_found_across_sessions_and_spared_subtrees_are_not() -> None:
    script = "setsid sleep 60 & echo $!; wait"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None
        sleeper = int(shell.stdout.readline())
        found = {process.pid for process in descendants(os.getpid())}
        assert {shell.pid, sleeper} <= found
        assert not {shell.pid, sleeper} & {p.pid for p in descendants(os.getpid(), {shell.pid})}
        os.kill(sleeper, signal.SIGKILL)


def test_the_tag_finds_exactly_the_processes_that_carry_it() -> None:
    environ = {"PATH": os.environ["PATH"], "CODEXLAB_RUN_ID": "tag-7"}
    with subprocess.Popen(["sleep", "60"], env=environ) as process:
        assert [found.pid for found in find_by_environ("CODEXLAB_RUN_ID", "tag-7")] == [process.pid]
        assert find_by_environ("CODEXLAB_RUN_ID", "tag-") == ()
        assert find_by_environ("RUN_ID", "tag-7") == ()
        process.kill()


def test_a_process_in_the_middle_of_its_exec_is_found_all_the_same() -> None:
    # A spawn returns once the new program is mapped, a moment before it shows anything.
    environ = {"PATH": os.environ["PATH"], "CODEXLAB_RUN_ID": "tag-10"}
    for _ in range(100):
        pid = os.posix_spawnp("sleep", ["sleep", "60"], environ)
        try:
            # The youngest comes first, so this reads it without delay.
            assert [found.pid for found in find_by_environ("CODEXLAB_RUN_ID", "tag-10")] == [pid]
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def test_a_process_whose_exec_ends_between_two_looks_is_found_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = iter([b"", b"CODEXLAB_RUN_ID=tag-11\0"])
    ours = os.getpid()

    def look(_: ProcessStat) -> bytes:
        return next(looks)

    def has_ended(_: int) -> bool:
        return False

    with subprocess.Popen(["sleep", "60"]) as process:
        shown = [stat for stat in all_stats() if stat.pid in (ours, process.pid)]
        monkeypatch.setattr(by_environ, "all_stats", lambda: shown)
        monkeypatch.setattr(by_environ, "_environment", look)
        monkeypatch.setattr(by_environ, "_is_in_exec", has_ended)
        found = find_by_environ("CODEXLAB_RUN_ID", "tag-11")
        process.kill()
    assert [each.pid for each in found] == [process.pid]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can start another user's process")
def test_another_users_process_with_the_tag_is_never_returned(
    as_nobody: Callable[..., list[str]],
) -> None:
    environ = {"PATH": os.environ["PATH"], "CODEXLAB_RUN_ID": "tag-8"}
    command = ["setpriv", "--reuid", "65534", "--clear-groups", "sleep", "60"]
    with subprocess.Popen(command, env=environ) as process:
        while (os.stat(f"/proc/{process.pid}").st_uid) != 65534:
            pass
        assert find_by_environ("CODEXLAB_RUN_ID", "tag-8") == ()
        process.kill()


def test_waiting_ends_with_the_first_exit_without_polling() -> None:
    with subprocess.Popen(["sleep", "60"]) as one, subprocess.Popen(["sleep", "60"]) as two:
        processes = [found for pid in (one.pid, two.pid) if (found := identify(pid))]
        threading.Timer(0.05, two.kill).start()
        wait_any_exit(processes, 30)
        assert two.wait(10) == -signal.SIGKILL
        assert one.poll() is None
        one.kill()


def test_a_tagged_process_whose_first_thread_ended_is_still_found() -> None:
    script = (
        "import ctypes, threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "print('up', flush=True)\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    environ = {"PATH": os.environ["PATH"], "CODEXLAB_RUN_ID": "tag-9"}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env=environ
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        while (stat := read_stat(process.pid)) is not None and stat.state != "Z":
            pass
        assert [found.pid for found in find_by_environ("CODEXLAB_RUN_ID", "tag-9")] == [process.pid]
        process.kill()


def test_a_parent_is_childless_only_without_a_live_child() -> None:
    # Other children of the test's worker are of no interest here, hence a parent of its own.
    script = (
        "import os, signal, sys\n"
        "from codexlab.kernel.process.procfs import is_childless\n"
        "print(is_childless(os.getpid()))\n"
        "child = os.fork() or signal.pause()\n"
        "print(is_childless(os.getpid()), is_childless(os.getpid(), {child}))\n"
        "os.kill(child, signal.SIGKILL)\n"
        "os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)\n"
        "print(is_childless(os.getpid()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "False", "True", "True"], done.stderr
