"""The guardian: exact statuses, adopted orphans, signals told once, an end without a supervisor."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from support.processes.guarded import run_guarded_script, start_guarded

from codexlab.kernel.process.identity import identify, is_running
from codexlab.kernel.process.procfs import wait_any_exit


@pytest.mark.parametrize("code", [0, 1, 7, 124, 125, 126, 127, 255])
def test_it_ends_with_the_status_the_supervisor_gave(
    clean_environ: Mapping[str, str], code: int
) -> None:
    body = f"channel.send(Finish({code}))"
    assert run_guarded_script(body, clean_environ)[0] == code


def test_the_agents_wait_status_and_usage_are_reported(clean_environ: Mapping[str, str]) -> None:
    body = """
    sh(channel, "exit 7")
    gone = news(channel, AgentExited)
    print(os.WEXITSTATUS(gone.status), gone.max_rss_kib > 0)
    channel.send(Finish(0))
    """
    assert run_guarded_script(body, clean_environ)[1] == "7 True\n"


def test_orphans_are_adopted_counted_and_never_left_as_zombies(
    clean_environ: Mapping[str, str],
) -> None:
    body = """
    sh(channel, "setsid sleep 60 & setsid sh -c 'exit 3' & exit 0")
    news(channel, AgentExited)
    def children(wanted):
        while True:
            channel.send(ListChildren())
            left = news(channel, ChildrenLeft).pids
            if len(left) == wanted:
                return left
    def name(pid):
        return open(f"/proc/{pid}/comm").read().strip()
    while name(children(1)[0]) in ("sh", "setsid"):
        pass
    print(name(children(1)[0]))
    os.kill(children(1)[0], signal.SIGKILL)
    children(0)
    while open(f"/proc/{os.getppid()}/task/{os.getppid()}/children").read().split() != [
        str(os.getpid())
    ]:
        children(0)
    print(True)
    channel.send(Finish(0))
    """
    status, out, err = run_guarded_script(body, clean_environ)
    assert (status, out) == (0, "sleep\nTrue\n"), err


def test_the_agent_finds_default_signals_an_empty_mask_and_three_descriptors(
    clean_environ: Mapping[str, str],
) -> None:
    body = """
    sh(channel, "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status; ls /proc/self/fd | wc -l")
    news(channel, AgentExited)
    channel.send(Finish(0))
    """
    out = run_guarded_script(body, clean_environ)[1].split()
    # The C library keeps 32 and 33 for itself; nobody can set them back.
    assert {int(out[i], 16) & ~(0b11 << 31) for i in (1, 3)} == {0}
    # 0, 1, 2 and the one ls itself opens.
    assert out[-1] == "4"


@pytest.mark.parametrize(
    ("spec", "step"),
    [
        ('path="/no/such"', "exec 2"),
        ('path="/etc/passwd"', "exec 13"),
        ('path="/"', "exec 13"),
        ('cwd="/no/such"', "chdir 2"),
        ('leaf="/no/such"', "cgroup 2"),
        ("nice=2**31", "priority 0"),  # more than nice(2) takes
    ],
)
def test_a_step_that_fails_before_exec_is_named(
    clean_environ: Mapping[str, str], spec: str, step: str
) -> None:
    body = f"""
    failed = sh(channel, "true", {spec})
    print(type(failed).__name__, failed.step, failed.errno)
    channel.send(Finish(0))
    """
    assert run_guarded_script(body, clean_environ)[1] == f"SpawnFailed {step}\n"


def test_an_agent_dies_with_its_guardian(clean_environ: Mapping[str, str]) -> None:
    body = """
    print(sh(channel, "exec sleep 60").pid, flush=True)
    assert channel.receive(decode_answer) is None
    """
    with start_guarded(body, clean_environ) as process:
        assert process.stdout is not None
        agent = identify(int(process.stdout.readline()))
        assert agent is not None
        process.kill()
        wait_any_exit([agent], 30)
        process.stdout.read()
    assert not is_running(agent)
