"""An agent at a terminal: what it finds there, what it gets, and what the person keeps."""

from __future__ import annotations

import hashlib
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from support.lab import Lab, running
from support.terminal.person import SHELL, Typed, terminal, typed
from support.users.unprivileged import Unprivileged

PLAIN = ["--issue", "1", "--no-repo", "--agent", "generic"]


def asleep(seconds: int) -> bool:
    """Tell whether such a ``sleep`` of this test runs; the shell's own words name it too."""
    return any(process.command == f"sleep {seconds}" for process in running("sleep"))


def sh(script: str) -> list[str]:
    return ["sh", "-c", script]


def test_the_agent_has_a_terminal_of_its_own_in_the_foreground(lab: Lab) -> None:
    look = (
        "test -t 0 && test -t 1 && test -t 2 && test -w /dev/tty && echo all;"
        " stty size; echo $TERM; stty | grep -c brkint;"
        " ps -o pid=,pgid=,tpgid=,sid= -p $$; exit 7"
    )
    with typed(lab, PLAIN, sh(look)) as run:
        seen = run.screen.wait_for(r"all\r\n24 80\r\nxterm\r\n\d\r\n *(\d+) +(\d+) +(\d+) +(\d+)")
        assert run.wait_end() == 7
        assert run.screen.settings == run.before
    pid, group, foreground, session = map(int, seen.groups())
    assert pid == group == foreground != session
    (record,) = lab.records
    assert (record["terminal"], record["reason"], record["exit_code"]) == (True, "exited", 7)
    assert record["contained"]["proven"] is True
    logs = {path.name for path in lab.run_directory(record).glob("*.log")}
    assert logs == {"terminal.log"}


def test_every_byte_passes_as_it_is_and_the_copy_is_masked(lab: Lab) -> None:
    lab.environ["MY_API_KEY"] = "sk-not-for-logs-0123456789"
    script = "stty raw -echo; printf '[begin]'; cat data; printf '[%s][end]' $MY_API_KEY; stty sane"
    data = os.urandom(300_000) + bytes(range(256))
    workdir = lab.cwd / "data-of-the-test"
    workdir.mkdir()
    (workdir / "data").write_bytes(data)
    flags = [*PLAIN[:2], "--agent", "generic", "--workdir", str(workdir), "--pass", "MY_API_KEY"]
    with typed(lab, flags, sh(script)) as run:
        run.screen.read_to(b"[begin]")
        shown = run.screen.read_to(b"[sk-not-for-logs-0123456789][end]")
        assert run.wait_end() == 0
    assert hashlib.sha256(shown).digest() == hashlib.sha256(data).digest()
    log = lab.run_directory(lab.records[0]) / "terminal.log"
    assert data in log.read_bytes()
    assert b"sk-not-for-logs" not in log.read_bytes()


def test_it_follows_the_size_of_the_window(lab: Lab) -> None:
    script = "trap 'stty size' WINCH; echo ready; while :; do read -r x && exit 3; done"
    with typed(lab, PLAIN, sh(script)) as run:
        run.screen.wait_for("ready")
        run.screen.resize(31, 97)
        run.screen.wait_for("31 97")
        run.screen.type("x\r")
        assert run.wait_end() == 3


def test_ctrl_c_and_ctrl_backslash_are_for_the_agent_alone(lab: Lab) -> None:
    script = (
        "trap 'echo interrupted' INT; trap 'exit 42' QUIT; echo ready; while :; do read -r x; done"
    )
    with typed(lab, PLAIN, sh(script)) as run:
        run.screen.wait_for("ready")
        run.screen.type("\x03")
        run.screen.wait_for("interrupted")
        run.screen.type("\x1c")
        assert run.wait_end() == 42
    assert lab.records[0]["reason"] == "exited"


def test_an_agent_that_dies_of_ctrl_c_says_so(lab: Lab) -> None:
    with typed(lab, PLAIN, sh("echo ready; exec sleep 60")) as run:
        run.screen.wait_for("ready")
        run.screen.type("\x03")
        assert run.wait_end() == 130
        assert run.screen.settings == run.before
    assert (lab.records[0]["reason"], lab.records[0]["signal"]) == ("signaled", signal.SIGINT)


def test_ctrl_z_brings_the_person_back_to_the_shell_and_fg_to_the_agent(lab: Lab) -> None:
    script = "echo ready; read -r x; echo got $x; exit 5"
    with terminal(
        ["bash", "--norc", "--noprofile", "-i"], {**lab.environ, "PS1": "$ "}, lab.cwd
    ) as screen:
        screen.wait_for(r"\$ ")
        own = screen.foreground
        screen.type(" ".join([*lab.argv(["-i", *PLAIN]), "--", f"sh -c '{script}'"]) + "\r")
        screen.wait_for(r"\r\nready")
        for _ in range(2):
            screen.type("\x1a")
            screen.wait_for(r"Stopped.*\$ ")
            assert screen.foreground == own
            screen.type("stty -a | grep -cw isig; fg\r")
            screen.wait_for(r"\r1\r\n.*codexlab-run")
            screen.wait_until(lambda: screen.is_raw)
        screen.type("word\r")
        screen.wait_for(r"got word")
        screen.wait_for(r"\$ ")
        screen.type("echo status=$?\r")
        screen.wait_for(r"status=5")
        screen.type("exit\r")
    assert lab.records[0]["reason"] == "exited"


def test_a_shell_as_the_agent_has_jobs_of_its_own(lab: Lab) -> None:
    with typed(lab, PLAIN, ["bash", "--norc", "--noprofile", "-i"]) as run:
        run.screen.wait_for(r"bash-[\d.]+[#$] ")
        run.screen.type("sleep 61\r")
        run.screen.wait_until(lambda: asleep(61))
        run.screen.type("\x1a")
        run.screen.wait_for(r"Stopped")
        run.screen.type("kill -KILL %1; disown; echo a''gain; exit 9\r")
        run.screen.wait_for("again")
        assert run.wait_end() == 9


def test_where_no_shell_could_continue_it_ctrl_z_stops_nothing(lab: Lab) -> None:
    command = lab.argv(["-i", *PLAIN], sh("echo ready; read -r x; echo got $x; read -r y"))
    with terminal(command, lab.environ, lab.cwd) as screen:
        screen.wait_for("ready")
        screen.type("\x1a")
        screen.wait_for(r"\^Z")
        screen.type("word\r")
        screen.wait_for("got word")
        assert screen.is_raw
        screen.type("\r")
        screen.wait_for_end_of(screen.shell)
    assert lab.records[0]["reason"] == "exited"


def test_stopped_and_continued_from_outside_it_puts_the_terminal_back_and_takes_it_again(
    lab: Lab,
) -> None:
    script = "echo ready; read -r x; echo got $x"
    with terminal(
        ["bash", "--norc", "--noprofile", "-i"], {**lab.environ, "PS1": "$ "}, lab.cwd
    ) as screen:
        screen.wait_for(r"\$ ")
        screen.type(" ".join([*lab.argv(["-i", *PLAIN]), "--", f"sh -c '{script}'"]) + "\r")
        screen.wait_for(r"\r\nready")
        for signum in (signal.SIGTSTP, signal.SIGSTOP):
            screen.wait_until(lambda: screen.is_raw)
            os.kill(screen.foreground, signum)
            screen.wait_for(r"Stopped.*\$ ")
            screen.type("fg\r")
            screen.wait_for("codexlab-run")
        screen.wait_until(lambda: screen.is_raw)
        screen.type("word\r")
        screen.wait_for("got word")
        screen.wait_for(r"\$ ")
        screen.type("exit\r")


def test_started_in_the_background_it_waits_for_the_foreground(lab: Lab) -> None:
    with terminal(
        ["bash", "--norc", "--noprofile", "-i"], {**lab.environ, "PS1": "$ "}, lab.cwd
    ) as screen:
        screen.wait_for(r"\$ ")
        screen.type(" ".join([*lab.argv(["-i", *PLAIN]), "--", "sh -c 'echo rea''dy'"]) + " &\r")
        screen.wait_until(lambda: running("codexlab-run") or b"Stopped" in screen.shown)
        screen.type("wait; jobs\r")
        screen.wait_for(r"Stopped")
        assert not screen.is_raw or b"ready" not in screen.shown
        screen.type("fg\r")
        screen.wait_for("ready")
        screen.wait_for(r"\$ ")
        screen.type("exit\r")


def test_a_process_that_keeps_the_terminal_open_holds_nothing_up_and_loses_no_last_word(
    lab: Lab,
) -> None:
    # wait, and no program in the foreground: a shell heeds a signal only after that has ended.
    loop = "while :; do sleep 62 & wait; done"
    script = f"trap '' HUP; (trap 'echo last word; exit' TERM; echo up; {loop}) & read x; exit 0"
    with typed(lab, PLAIN, sh(script)) as run:
        run.screen.wait_for("up")
        run.screen.type("\r")
        run.screen.wait_for("last word")
        assert run.wait_end() == 0
    assert lab.records[0]["contained"]["swept"] >= 1
    assert lab.records[0]["contained"]["left"] == 0


def test_an_agent_may_close_its_terminal_and_open_it_again(lab: Lab) -> None:
    script = "exec </dev/null >/dev/null 2>&1; sleep 0.2; echo still here >/dev/tty; exit 4"
    with typed(lab, PLAIN, sh(script)) as run:
        run.screen.wait_for("still here")
        assert run.wait_end() == 4


def kill_agent(run: Typed) -> None:
    os.kill(run.agent, signal.SIGKILL)


def kill_monitor(run: Typed) -> None:
    os.kill(run.monitor, signal.SIGKILL)


def kill_supervisor(run: Typed) -> None:
    os.kill(run.supervisor, signal.SIGKILL)


def kill_guardian(run: Typed) -> None:
    os.kill(run.guardian, signal.SIGKILL)


def terminate(run: Typed) -> None:
    os.kill(run.guardian, signal.SIGTERM)


def wait(_run: Typed) -> None:
    """Let the time limit end it."""


@pytest.mark.parametrize(
    ("end", "statuses", "reason"),
    [
        (kill_agent, {137}, "signaled"),
        # By the hang-up of its terminal, or by its parent-death signal.
        (kill_monitor, {129, 137}, "signaled"),
        (kill_supervisor, {125}, "supervisor-lost"),
        (kill_guardian, {137}, "supervisor-lost"),
        (terminate, {143}, "cancelled"),
        (wait, {124}, "timeout"),
    ],
)
def test_whatever_dies_the_terminal_is_as_it_was_and_nothing_is_left(
    lab: Lab, end: Callable[[Typed], None], statuses: set[int], reason: str
) -> None:
    flags = [*PLAIN, "--timeout", "5s"] if end is wait else PLAIN
    script = "stty raw -echo; setsid sleep 63 & echo ready; exec sleep 63"
    with typed(lab, flags, sh(script)) as run:
        run.screen.wait_for("ready")
        assert run.screen.is_raw
        group, ours = run.screen.foreground, (run.guardian, run.supervisor)
        end(run)
        assert run.wait_end() in statuses
        run.screen.wait_until(lambda: run.screen.settings == run.before)
        assert run.screen.foreground == group
        run.screen.wait_until(lambda: not asleep(63))
        run.screen.wait_for_end_of(*ours)
    assert lab.records[0]["reason"] == reason
    assert lab.records[0]["contained"]["left"] == 0


def test_a_window_that_is_closed_ends_the_run(lab: Lab) -> None:
    with typed(lab, PLAIN, sh("setsid sleep 64 & echo ready; exec sleep 64")) as run:
        run.screen.wait_for("ready")
        guardian = run.guardian
        pidfd = os.pidfd_open(guardian)
        run.screen.hang_up()
        wait_for_exit(pidfd)
    assert not asleep(64)
    (record,) = lab.records
    assert (record["reason"], record["contained"]["left"]) == ("cancelled", 0)


def wait_for_exit(pidfd: int) -> None:
    import select

    assert select.select([pidfd], [], [], 40)[0]
    os.close(pidfd)


def test_as_an_ordinary_user_it_is_the_same(lab: Lab, as_nobody: Unprivileged) -> None:
    places = {
        "HOME": str(as_nobody.home),
        "CODEX_HOME": str(as_nobody.home / ".codex"),
        "CODEXLAB_WORKSPACES_ROOT": str(as_nobody.home / "ws"),
        **{
            f"XDG_{name}_HOME": str(as_nobody.home / name.lower())
            for name in ("CONFIG", "STATE", "CACHE", "DATA")
        },
    }
    lab.environ.update(places)
    with typed(lab, PLAIN, sh("read -r x; echo got $x; exit 8"), prefix=as_nobody.argv([])) as run:
        run.screen.wait_until(lambda: run.screen.is_raw)
        run.screen.type("word\r")
        run.screen.wait_for("got word")
        assert run.wait_end() == 8
        assert run.screen.settings == run.before


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "stdin is not a terminal"),
        (["--stdin", "null"], "--stdin null does not go with --tty"),
        (["--retries", "2"], "and --retries 0 overrules a file or variable"),
    ],
)
def test_what_cannot_be_is_one_line_and_nothing_is_made(
    lab: Lab, flags: list[str], words: str
) -> None:
    done = lab.run(["-i", *PLAIN, *flags], ["touch", "ran"])
    assert (done.returncode, done.stdout) == (125, "")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not lab.workspaces_root.exists()


@pytest.mark.parametrize("target", ["1", "2", "/dev/tty", "/dev/stderr", "its name"])
def test_events_on_the_same_terminal_are_refused(lab: Lab, target: str) -> None:
    words = [*lab.argv([*PLAIN, "-i", "--events"]), target]
    if target == "its name":
        words = ["sh", "-c", '"$@" "$(tty)" -- touch ran', "sh", *words[:-1]]
    else:
        words += ["--", "touch", "ran"]
    with terminal(["sh", "-c", SHELL, *words], lab.environ, lab.cwd) as screen:
        screen.wait_for(
            r"codexlab-run: --events \S+ does not go with --tty: it is the same terminal"
        )
        screen.wait_for(r"\[status 125\]")
        assert screen.shown.count(b"codexlab-run") == 0
    assert not lab.workspaces_root.exists()


def test_events_may_go_to_another_terminal(lab: Lab) -> None:
    master, line = os.openpty()
    with os.fdopen(master, "rb", buffering=0) as other:
        with typed(lab, [*PLAIN, "--events", os.ttyname(line)], ["true"]) as run:
            assert run.wait_end() == 0
        os.close(line)
        assert b"child.spawned" in other.read(65536)


def test_stdout_elsewhere_is_refused(lab: Lab) -> None:
    words = lab.argv(["-i", *PLAIN], ["true"])
    with terminal(
        ["sh", "-c", '"$@" | cat; echo done; read x', "sh", *words], lab.environ, lab.cwd
    ) as screen:
        screen.wait_for("stdout is not a terminal")
        screen.wait_for("done")
    assert not lab.workspaces_root.exists()


def test_a_dry_run_says_it_and_needs_no_terminal(lab: Lab) -> None:
    done = lab.run(["-i", *PLAIN, "--dry-run"], ["true"])
    assert done.returncode == 0, done.stderr
    assert re.search(r"^terminal +True$", done.stdout, re.MULTILINE)


def test_without_it_nothing_of_it_is_loaded(lab: Lab, scratch: Path) -> None:
    lab.environ["PYTHONPROFILEIMPORTTIME"] = "1"
    done = lab.run(PLAIN, ["true"])
    assert done.returncode == 0
    assert "codexlab.supervisor.output.streams" in done.stderr
    for name in ("codexlab.kernel.process.terminal", "_monitor", "_terminal_streams", "termios"):
        assert name not in done.stderr
