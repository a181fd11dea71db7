"""The guardian: exact statuses, adopted orphans, wishes told once, an end without a supervisor."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.processes.guarded import run_guarded_script, start_guarded

from codexlab.kernel.process.identity import ProcessIdentity, identify, is_running
from codexlab.kernel.process.procfs import wait_any_exit


@pytest.mark.parametrize("code", [0, 1, 7, 124, 125, 126, 127, 255])
def test_it_ends_with_the_status_the_supervisor_gave(
    clean_environ: Mapping[str, str], code: int
) -> None:
    body = f"channel.send(Finish({code}))"
    assert run_guarded_script(body, clean_environ)[0] == code


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


def test_a_supervisor_that_dies_without_a_run_is_status_125(
    clean_environ: Mapping[str, str],
) -> None:
    assert run_guarded_script("os.kill(os.getpid(), signal.SIGKILL)", clean_environ)[0] == 125


LOST = """
import fcntl
lock = os.open("{place}/lock", os.O_RDWR | os.O_CREAT)
fcntl.flock(lock, fcntl.LOCK_EX)
channel.send(RunHandover(
    "testrun", None, "{place}/record.json", "{place}/owner.json", "{place}/witness.json",
    "{place}", "{place}/temporary"), [lock])
agent = sh(channel, "trap '' TERM; setsid sleep 60 & echo started >&2; wait; sleep 60").pid
print(agent, flush=True)
signal.pause()
"""


@pytest.fixture
def lost_place(scratch: Path) -> Path:
    (scratch / "temporary").mkdir()
    (scratch / "record.json").write_text(json.dumps({"v": 1, "reason": None, "kept": "yes"}))
    (scratch / "owner.json").write_text(json.dumps({"contained": False}))
    (scratch / "events.ndjson").write_text('{"v":1,"seq":4,"run_id":"testrun","event":"x"}\n')
    return scratch


def lose_supervisor(environ: Mapping[str, str], place: Path) -> str:
    """Kill the supervisor of a run that leaves processes; return what its guardian said last."""
    with start_guarded(LOST.format(place=place), environ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        agent = identify(int(process.stdout.readline()))
        process.stderr.readline()
        os.kill(_supervisor_of(process.pid, agent), signal.SIGKILL)
        assert process.wait(30) == 125
        said = process.stderr.read()
    assert agent is not None
    assert not is_running(agent)
    return said


def test_a_lost_supervisor_leaves_no_process_and_a_finished_record(
    clean_environ: Mapping[str, str], lost_place: Path
) -> None:
    said = lose_supervisor(clean_environ, lost_place)
    assert "the supervisor of run testrun died; nothing it started is left" in said
    record = json.loads((lost_place / "record.json").read_text())
    assert (record["reason"], record["kept"]) == ("supervisor-lost", "yes")
    assert record["contained"] == {
        "mechanism": "subreaper", "proven": True, "swept": 2, "left": 0, "leaf_removed": True,
    }  # fmt: skip
    assert json.loads((lost_place / "owner.json").read_text())["contained"] is True
    assert not (lost_place / "temporary").exists()
    events = [json.loads(line) for line in (lost_place / "events.ndjson").read_text().splitlines()]
    assert [(event["seq"], event["event"]) for event in events] == [
        (4, "x"), (5, "contained"), (6, "run.finished"),
    ]  # fmt: skip


def test_a_record_that_cannot_be_written_does_not_keep_the_processes_alive(
    clean_environ: Mapping[str, str], lost_place: Path
) -> None:
    (lost_place / "record.json").unlink()
    (lost_place / "events.ndjson").unlink()
    lose_supervisor(clean_environ, lost_place)


def _supervisor_of(guardian: int, agent: ProcessIdentity | None) -> int:
    children = Path(f"/proc/{guardian}/task/{guardian}/children").read_text().split()
    (supervisor,) = (int(pid) for pid in children if agent is None or int(pid) != agent.pid)
    return supervisor


_ACCOMPANY = """
null = os.open(os.devnull, os.O_RDWR)
def accompany():
    sleep = SpawnSpec("/bin/sleep", ("sleep", "60"), {}, "/", nice=5)
    channel.send(Accompany(sleep), [null, 1, 2])
    return channel.receive(decode_answer)[0]
"""


def test_a_companion_is_no_child_of_the_run_and_its_end_is_told(
    clean_environ: Mapping[str, str],
) -> None:
    body = """
    started = accompany()
    nice = os.getpriority(os.PRIO_PROCESS, started.pid)
    print(type(started).__name__, nice == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 5))
    channel.send(ListChildren())
    print(list(news(channel, ChildrenLeft).pids))
    os.kill(started.pid, signal.SIGTERM)
    print(os.WTERMSIG(news(channel, CompanionExited).status))
    channel.send(Finish(0))
    """
    status, out, err = run_guarded_script(_ACCOMPANY + textwrap.dedent(body), clean_environ)
    assert (status, out) == (0, "Accompanied True\n[]\n15\n"), err


@pytest.mark.parametrize(
    "end",
    [
        "channel.send(Finish(0))",
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.kill(os.getppid(), signal.SIGKILL); os.kill(os.getpid(), signal.SIGKILL)",
    ],
)
def test_a_companion_never_outlives_its_guardian(
    clean_environ: Mapping[str, str], end: str
) -> None:
    body = f"""
    print(accompany().pid, flush=True)
    sys.stdin.readline()
    {end}
    """
    script = _ACCOMPANY + textwrap.dedent(body)
    with start_guarded(script, clean_environ, stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        companion = identify(int(process.stdout.readline()))
        assert companion is not None
        process.communicate("\n", timeout=30)
    wait_any_exit([companion], 30)
    assert not is_running(companion)


RELEASED = """
import fcntl
lock = os.open("{place}/lock", os.O_RDWR | os.O_CREAT)
fcntl.flock(lock, fcntl.LOCK_EX)
channel.send(RunHandover(
    "testrun", None, "{place}/record.json", "{place}/owner.json", "{place}/witness.json",
    "{place}", "{place}/temporary"), [lock])
channel.send(Released(7))
fcntl.flock(lock, fcntl.LOCK_UN)
print("released", flush=True)
signal.pause()
"""


def test_a_run_that_was_given_back_is_no_longer_the_guardians_when_its_supervisor_dies(
    clean_environ: Mapping[str, str], lost_place: Path
) -> None:
    """From the moment the lock is free, what lies there may be another run's."""
    with start_guarded(RELEASED.format(place=lost_place), clean_environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "released\n"
        kept = {path: path.read_bytes() for path in lost_place.glob("*.*json")}
        os.kill(_supervisor_of(process.pid, None), signal.SIGKILL)
        assert process.wait(30) == 7
    assert {path: path.read_bytes() for path in lost_place.glob("*.*json")} == kept
    assert (lost_place / "temporary").exists()


def test_an_event_the_supervisor_died_in_the_middle_of_is_a_line_of_its_own(
    clean_environ: Mapping[str, str], lost_place: Path
) -> None:
    with (lost_place / "events.ndjson").open("a") as file:
        file.write('{"v":1,"seq":5,"run_id":"te')
    lose_supervisor(clean_environ, lost_place)
    _, torn, *rest = (lost_place / "events.ndjson").read_text().splitlines()
    assert torn == '{"v":1,"seq":5,"run_id":"te'
    assert [json.loads(line)["event"] for line in rest] == ["contained", "run.finished"]


def test_a_guardian_never_vouches_for_the_run_of_another(
    clean_environ: Mapping[str, str], lost_place: Path
) -> None:
    owner = json.dumps({"run_id": "another", "contained": False})
    (lost_place / "owner.json").write_text(owner)
    lose_supervisor(clean_environ, lost_place)
    assert (lost_place / "owner.json").read_text() == owner


def test_a_supervisor_that_serves_no_more_is_gone_before_what_it_started_is_read(
    clean_environ: Mapping[str, str], tmp_path: Path
) -> None:
    owner = tmp_path / "owner.json"
    owner.write_text(json.dumps({"run_id": "testrun", "contained": False}))
    body = f"""
    import subprocess
    record, owner = {str(tmp_path / "record.json")!r}, {str(owner)!r}
    channel.send(RunHandover("testrun", None, record, owner, "", "", ""))
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    print(child.pid, flush=True)
    # As the kernel does it: first the channel, then for a while nothing.
    channel.close()
    os.kill(os.getpid(), signal.SIGSTOP)
    """
    status, out, err = run_guarded_script(body, clean_environ)
    child = identify(int(out))
    assert child is None or not is_running(child)
    assert (status, err) == (
        125,
        "codexlab-run: the supervisor of run testrun died; nothing it started is left\n",
    )
    assert json.loads(owner.read_bytes())["contained"] is True
