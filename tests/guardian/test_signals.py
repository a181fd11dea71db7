"""A guardian reports each signal once and passes no ignored one on."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

import pytest
from support.processes.guarded import run_guarded_script, start_guarded


def test_a_signal_that_the_supervisor_no_longer_hears_does_not_take_its_status_away(
    clean_environ: Mapping[str, str],
) -> None:
    body = """
    import select
    os.kill(os.getppid(), signal.SIGUSR1)
    select.select([channel.fileno()], [], [])
    # It looks again only when we are gone: somebody else continues it then.
    guardian = os.getppid()
    read, write = os.pipe()
    if os.fork() == 0:
        channel.close()
        os.close(write)
        os.read(read, 1)
        os.kill(guardian, signal.SIGCONT)
        os._exit(0)
    os.kill(guardian, signal.SIGSTOP)
    while open(f"/proc/{guardian}/stat").read().rpartition(") ")[2][0] != "T":
        pass
    channel.send(Finish(7))
    """
    # Ignored, or the guardian would report that it was continued.
    before = "signal.signal(signal.SIGCONT, signal.SIG_IGN)"
    assert run_guarded_script(body, clean_environ, before=before) == (7, "", "")


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2"])
def test_a_signal_from_outside_is_reported_and_an_equal_one_at_once_after_is_not(
    clean_environ: Mapping[str, str], name: str
) -> None:
    body = """
    print("ready", flush=True)
    first = news(channel, Signalled).signum
    channel.send(ListChildren())
    following = type(channel.receive(decode_answer)[0]).__name__
    print(signal.Signals(first).name, following)
    channel.send(Finish(0))
    """
    with start_guarded(body, clean_environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        signum = getattr(signal, f"SIG{name}")
        os.kill(process.pid, signum)
        os.kill(process.pid, signum)
        assert process.stdout.read() == f"SIG{name} ChildrenLeft\n"


def test_signals_reach_the_guardian_only_not_its_supervisor(
    clean_environ: Mapping[str, str],
) -> None:
    body = """
    print(os.getpgid(0) != os.getpgid(os.getppid()), flush=True)
    news(channel, Signalled)
    channel.send(Finish(9))
    """
    with start_guarded(body, clean_environ, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) == 9


def test_a_signal_ignored_on_entry_stays_ignored(clean_environ: Mapping[str, str]) -> None:
    body = """
    os.kill(os.getppid(), signal.SIGHUP)
    os.kill(os.getppid(), signal.SIGTERM)
    print(signal.Signals(news(channel, Signalled).signum).name)
    channel.send(Finish(0))
    """
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run_guarded_script(body, clean_environ)[1] == "SIGTERM\n"
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_the_caller_had_blocked_reaches_the_guardian_all_the_same(
    clean_environ: Mapping[str, str],
) -> None:
    body = """
    os.kill(os.getppid(), signal.SIGTERM)
    print(signal.Signals(news(channel, Signalled).signum).name)
    sh(channel, "exit 5")
    print(os.waitstatus_to_exitcode(news(channel, AgentExited).status))
    channel.send(Finish(0))
    """
    block = "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM})"
    assert run_guarded_script(body, clean_environ, before=block)[1] == "SIGTERM\n5\n"
