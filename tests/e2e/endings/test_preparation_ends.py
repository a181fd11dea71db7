"""Whatever a launch waits for before there is an agent ends on the first signal, helpers too."""

from __future__ import annotations

import http.server
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from support.git.waiting import SLEEP, Stuck, add_filter, open_files, silent_server, stuck_program
from support.lab import Lab, Running, running, wait_until_gone
from support.processes.leaks import Process

# Far below any bound of our own, far above what a loaded machine needs.
AT_ONCE = 30.0

Waiting = tuple[list[str], Callable[[Running], None]]
"""The flags of a launch that waits, and a function that returns once it does."""

Way = Callable[[Lab, Path, ExitStack], Waiting]


class _Refusing(http.server.BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def refusing_server() -> Generator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Refusing) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def silent(_lab: Lab, _scratch: Path, stack: ExitStack) -> Waiting:
    port, server = stack.enter_context(silent_server())

    def wait(_run: Running) -> None:
        stack.enter_context(server.accept()[0])

    return ["--repo", f"http://127.0.0.1:{port}/x.git"], wait


def asked(
    lab: Lab, scratch: Path, stack: ExitStack, variable: str = "", setting: str = ""
) -> Waiting:
    port = stack.enter_context(refusing_server())
    stuck = stack.enter_context(stuck_program(scratch / "helper"))
    if variable:
        # Somebody could answer there.
        lab.environ.update({variable: str(stuck.program), "DISPLAY": ":99"})
    if setting:
        section, name = setting.split(".")
        config = Path(lab.environ["HOME"], ".gitconfig")
        config.write_text(f"[{section}]\n\t{name} = {stuck.program}\n")
        lab.environ["GIT_CONFIG_GLOBAL"] = str(config)
    return ["--repo", f"http://127.0.0.1:{port}/x.git"], until(stuck)


def by_git_askpass(lab: Lab, scratch: Path, stack: ExitStack) -> Waiting:
    return asked(lab, scratch, stack, variable="GIT_ASKPASS")


def by_ssh_askpass(lab: Lab, scratch: Path, stack: ExitStack) -> Waiting:
    return asked(lab, scratch, stack, variable="SSH_ASKPASS")


def by_core_askpass(lab: Lab, scratch: Path, stack: ExitStack) -> Waiting:
    return asked(lab, scratch, stack, setting="core.askPass")


def by_credential_helper(lab: Lab, scratch: Path, stack: ExitStack) -> Waiting:
    return asked(lab, scratch, stack, setting="credential.helper")


def at_checkout(lab: Lab, scratch: Path, stack: ExitStack) -> Waiting:
    stuck = stack.enter_context(stuck_program(scratch / "filter"))
    add_filter(lab.cwd, "smudge", stuck.program)
    return [], until(stuck)


def at_planning(lab: Lab, scratch: Path, stack: ExitStack) -> Waiting:
    stuck = stack.enter_context(stuck_program(scratch / "filter"))
    add_filter(lab.cwd, "clean", stuck.program)
    # Of the repository itself no look hears.
    config = Path(lab.environ["HOME"], ".gitconfig")
    config.write_text(f'[filter "stuck"]\n\tclean = {stuck.program}\n')
    lab.environ["GIT_CONFIG_GLOBAL"] = str(config)
    (lab.cwd / "a.txt").write_text("two\n")
    return [], until(stuck)


def for_the_repository(lab: Lab, scratch: Path, stack: ExitStack) -> Waiting:
    flags, wait = at_checkout(lab, scratch, stack)
    other = stack.enter_context(lab.started(["--issue", "other"], ["true"]))
    wait(other)
    stack.callback(end, other)

    def wait_for_lock(run: Running) -> None:
        run.wait_for_event("run.planned")
        deadline = time.monotonic() + 30
        while not any("/repositories/" in name for name in open_files(run.guardian)):
            assert time.monotonic() < deadline

    return flags, wait_for_lock


def at_context(lab: Lab, scratch: Path, _stack: ExitStack) -> Waiting:
    """Give files that take long to copy: 3 GiB, of which all but the first few MiB are spared."""
    first = scratch / "context-0"
    first.write_bytes(bytes([1]) * (128 << 20))
    files = [first, *(scratch / f"context-{number}" for number in range(1, 24))]
    for other in files[1:]:
        other.hardlink_to(first)

    def wait_for_copy(_run: Running) -> None:
        deadline = time.monotonic() + 30
        while not list(lab.workspaces_root.glob("*/*/*/.context-*/context-0")):
            assert time.monotonic() < deadline

    return [word for path in files for word in ("--context", str(path))], wait_for_copy


def end(run: Running) -> None:
    run.signal(signal.SIGTERM)
    run.finish()


def until(stuck: Stuck) -> Callable[[Running], None]:
    return lambda _run: stuck.wait_until_it_runs()


WAYS = [
    silent,
    by_git_askpass,
    by_ssh_askpass,
    by_core_askpass,
    by_credential_helper,
    at_checkout,
    at_planning,
    at_context,
    for_the_repository,
]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("way", WAYS)
def test_a_launch_that_waits_before_its_agent_ends_on_the_first_signal(
    lab: Lab, scratch: Path, way: Way, name: str
) -> None:
    with ExitStack() as stack:
        flags, wait = way(lab, scratch, stack)
        with lab.started(["--issue", "1", *flags], ["true"]) as run:
            wait(run)
            others = running(SLEEP) if way is for_the_repository else set[Process]()
            run.signal(signal.Signals[name])
            status, _, stderr = run.finish(timeout=AT_ONCE)
            assert running(SLEEP) - others == set()
    assert status == 128 + signal.Signals[name]
    assert f"cancelled by {name} before the agent was started" in stderr
    assert list(lab.workspaces_root.glob("*/1/*/*context*")) == []


@pytest.mark.parametrize("way", [silent, at_checkout, at_planning])
def test_the_time_limit_bounds_what_comes_before_the_agent_too(
    lab: Lab, scratch: Path, way: Way
) -> None:
    with ExitStack() as stack:
        flags, wait = way(lab, scratch, stack)
        with lab.started(["--issue", "1", "--timeout", "4s", *flags], ["true"]) as run:
            wait(run)
            status, _, stderr = run.finish(timeout=AT_ONCE)
            assert running(SLEEP) == set()
    assert status == 124
    assert "--timeout of 4 s was over before the agent was started" in stderr


def test_a_time_limit_before_the_agent_is_the_reason_that_events_give(
    lab: Lab, scratch: Path
) -> None:
    with stuck_program(scratch / "filter") as stuck:
        add_filter(lab.cwd, "smudge", stuck.program)
        with lab.started(["--issue", "1", "--timeout", "4s"], ["true"]) as run:
            assert run.wait_for_event("run.finished")["reason"] == "timeout"
            assert run.finish(timeout=AT_ONCE)[0] == 124


def test_what_an_ended_checkout_left_is_undone_by_the_next_launch(lab: Lab, scratch: Path) -> None:
    with stuck_program(scratch / "filter") as stuck:
        add_filter(lab.cwd, "smudge", stuck.program)
        with lab.started(["--issue", "1"], ["true"]) as run:
            stuck.wait_until_it_runs()
            run.signal(signal.SIGTERM)
            run.finish(timeout=AT_ONCE)
        stuck.program.write_text("#!/bin/sh\nexec cat\n")
        done = lab.run(["--issue", "1"], ["sh", "-c", "git status --porcelain; cat a.txt"])
    assert (done.returncode, done.stdout) == (0, "one\n")


def test_a_helper_that_leaves_gits_group_is_ended_with_it(lab: Lab, scratch: Path) -> None:
    with stuck_program(
        scratch / "filter", rest=f"setsid sh -c 'trap \"\" TERM; sleep {SLEEP}; :'"
    ) as stuck:
        add_filter(lab.cwd, "smudge", stuck.program)
        with lab.started(["--issue", "1"], ["true"]) as run:
            stuck.wait_until_it_runs()
            left = running(SLEEP)
            run.signal(signal.SIGTERM)
            assert run.finish(timeout=AT_ONCE)[0] == 143
            assert wait_until_gone(left, 0) == set()


def test_a_long_wait_is_told_once(lab: Lab, scratch: Path) -> None:
    with stuck_program(scratch / "filter", rest="sleep 7; exec cat") as stuck:
        add_filter(lab.cwd, "smudge", stuck.program)
        done = lab.run(["--issue", "1"], ["true"])
    assert done.returncode == 0
    (line,) = [line for line in done.stderr.splitlines() if "waiting for git" in line]
    assert "worktree add" in line
