"""An agent's monitor at a terminal: exact statuses, stops, and nothing kept of the guardian's."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from support.processes.guarded import run_guarded_script

PAIR = """
import fcntl, pty, struct, termios
ours, theirs = os.openpty()
def on_terminal(script, **spec):
    program = {"path": "/bin/sh", "argv": ("sh", "-c", script), "cwd": "/",
        "environment": {"PATH": os.environ["PATH"]}, **spec}
    channel.send(Spawn(SpawnSpec(**program), on_terminal=True), [theirs] * 3)
    return channel.receive(decode_answer)[0]
def shown(marker):
    text = b""
    while marker not in text:
        text += os.read(ours, 4096)
    return text
"""
FINISH = "\nchannel.send(Finish(0))"


def run(body: str, environ: Mapping[str, str]) -> str:
    status, out, err = run_guarded_script(PAIR + body + FINISH, environ)
    assert status == 0, err
    return out


def test_the_agent_leads_a_group_below_a_monitor_that_leads_the_session(
    clean_environ: Mapping[str, str],
) -> None:
    body = """
started = on_terminal("read x; exit 7")
monitor, agent = started.monitor[0], started.pid
print(os.getsid(agent) == monitor, os.getpgid(agent) == os.tcgetpgrp(ours) == agent)
print(os.getpgid(monitor) == monitor, len(os.listdir(f"/proc/{monitor}/fd")))
os.write(ours, b"\\n")
gone = news(channel, AgentExited)
print(gone.pid == agent, os.WEXITSTATUS(gone.status), gone.max_rss_kib > 0)
"""
    # Its only descriptor is its end of the channel to the guardian.
    assert run(body, clean_environ) == "True True\nTrue 1\nTrue 7 True\n"


def test_a_stop_is_told_and_the_monitor_counts_as_nobodys_process(
    clean_environ: Mapping[str, str],
) -> None:
    body = """
agent = on_terminal("echo ready; read x").pid
shown(b"ready")
os.write(ours, b"\\x1a")
print(signal.Signals(news(channel, AgentStopped).signum).name)
channel.send(ListChildren())
print(news(channel, ChildrenLeft).pids == (agent,))
os.killpg(agent, signal.SIGCONT)
os.write(ours, b"\\n")
news(channel, AgentExited)
channel.send(ListChildren())
print(list(news(channel, ChildrenLeft).pids))
"""
    assert run(body, clean_environ) == "SIGTSTP\nTrue\n[]\n"


@pytest.mark.parametrize(
    ("spec", "step"),
    [("path='/no/such'", "exec 2"), ("leaf='/no/such'", "cgroup 2"), ("cwd='/no/such'", "chdir 2")],
)
def test_a_step_that_fails_is_named_and_the_terminal_serves_another_attempt(
    clean_environ: Mapping[str, str], spec: str, step: str
) -> None:
    body = f"""
failed = on_terminal("true", {spec})
print(type(failed).__name__, failed.step, failed.errno)
on_terminal("echo up; exit 3")
shown(b"up")
print(os.WEXITSTATUS(news(channel, AgentExited).status))
"""
    assert run(body, clean_environ) == f"SpawnFailed {step}\n3\n"


def test_without_its_monitor_the_agent_dies_and_its_status_is_told_once(
    clean_environ: Mapping[str, str],
) -> None:
    body = """
started = on_terminal("trap '' HUP; echo ready; read x; sleep 60")
shown(b"ready")
os.kill(started.monitor[0], signal.SIGKILL)
gone = news(channel, AgentExited)
print(gone.pid == started.pid, os.WTERMSIG(gone.status))
channel.send(ListChildren())
print(channel.receive(decode_answer)[0])
"""
    expected = "True 9\nChildrenLeft(pids=())\n"
    assert run(body, clean_environ) == expected


def test_the_agent_finds_default_signals_and_an_empty_mask(
    clean_environ: Mapping[str, str],
) -> None:
    body = """
channel.send(ForgetTerminal())
on_terminal("grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status; echo end")
print(shown(b"end").decode())
news(channel, AgentExited)
"""
    words = run(body, clean_environ).split()
    # The C library keeps 32 and 33 for itself; nobody can set them back.
    assert {int(words[i], 16) & ~(0b11 << 31) for i in (1, 3)} == {0}
