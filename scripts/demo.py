#!/usr/bin/env python3
"""Show codexlab at work: two tasks on one issue, by a real codex, without a network.

    python scripts/demo.py        in the environment where codexlab is installed

Everything happens below build/demo/, which is made anew. codex 0.171.0 talks to
a scripted model on loopback; where it is not installed (scripts/install-agents),
the bundled example agent stands in. Exit status 0 when all went as described.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.agents.codex import STUB_KEY, find_codex, write_codex_config  # noqa: E402
from support.git.repositories import GIT_ENVIRON, git, make_repository  # noqa: E402

from scripts.demo_screen import (  # noqa: E402
    bold,
    dim,
    expect,
    give_up,
    green,
    plain,
    quoted,
    red,
    say,
    shown,
    title,
)

DEMO = Path(os.environ.get("CODEXLAB_DEMO_DIRECTORY") or ROOT / "build" / "demo")
HOME = DEMO / "home"
WORKSPACES = DEMO / "workspaces"
STDERR = DEMO / "stderr.log"
ISSUE = "123"
FIRST_PROMPT = "add() gives wrong results. Find out why and fix it."
SECOND_PROMPT = "Is there anything left to do?"
SAMPLE = {
    "README.md": "# calculator\n",
    "calculator.py": 'def add(a, b):\n    """Add two numbers."""\n    return a - b\n',
}
_TASK_LIMIT = 120.0


@dataclass(frozen=True)
class Agent:
    """What runs in the demo.

    :param command: its argv up to the prompt.
    :param flags: flags of codexlab-run that it needs.
    :param directory: what has to be on PATH for it, or None.
    """

    name: str
    command: tuple[str, ...]
    flags: tuple[str, ...]
    directory: Path | None


@dataclass(frozen=True)
class Run:
    """One finished codexlab-run: its status, its record, and where it worked."""

    status: int
    record: dict[str, Any]
    workdir: Path


def main() -> int:
    """Set the stage, run both tasks, and check that nothing is left."""
    parser = argparse.ArgumentParser(description="Show codexlab at work below build/demo/.")
    parser.add_argument("--example", action="store_true", help="use the bundled example agent")
    agent = choose_agent(example=parser.parse_args().example)
    repository = set_the_stage()
    title("A sample repository, a model on loopback, and an agent")
    say(f"agent       {agent.name}")
    say(f"repository  {shown(repository)}  (add() subtracts)")
    with scripted_model() as url:
        write_codex_config(HOME / ".codex", url)
        title("First task on issue 123")
        first = run_task(agent, repository, [FIRST_PROMPT])
        show_change(first, repository)
        show_record(first)
        title("Second task on issue 123: same workspace, and {resume} continues the thread")
        second = run_task(agent, repository, ["{resume}", SECOND_PROMPT])
        show_continuity(first, second)
    title("Bringing the work home")
    bring_home(agent, repository)
    title("What is left running")
    show_nothing_left(first, second)
    return 0


# -- the stage -------------------------------------------------------------------------


def choose_agent(*, example: bool) -> Agent:
    """Return codex where it is installed and wanted, else the bundled example."""
    codex = None if example else find_codex()
    if codex is not None:
        command = ("codex", "exec", "-s", "workspace-write", "--json")
        return Agent(f"codex {codex.version}", command, (), codex.native.parent)
    program = ROOT / "examples" / "example_agent.py"
    reason = "as asked" if example else "codex is not installed: scripts/install-agents"
    name = f"the bundled {program.relative_to(ROOT)}, no real codex ({reason})"
    return Agent(name, (str(program), "exec", "--json"), ("--agent", "codex"), None)


def set_the_stage() -> Path:
    """Make build/demo anew and return the sample repository in it."""
    shutil.rmtree(DEMO, ignore_errors=True)
    for path in (HOME, DEMO / "run", DEMO / "tmp"):
        path.mkdir(parents=True, mode=0o700)
    return make_repository(DEMO / "calculator", SAMPLE)


@contextmanager
def scripted_model() -> Generator[str]:
    """Run the model server and yield its base URL."""
    port_file = DEMO / "model-port"
    program = ROOT / "tests" / "support" / "model" / "server.py"
    argv = [sys.executable, str(program), "--script", "demo", "--port-file", str(port_file)]
    with subprocess.Popen([*argv, "--lifetime", "300"], stdin=subprocess.DEVNULL) as server:
        try:
            yield f"http://127.0.0.1:{wait_for_port(server, port_file)}/v1"
        finally:
            server.terminate()


def wait_for_port(server: subprocess.Popen[bytes], port_file: Path) -> int:
    """Return the port once the server has written it."""
    deadline = time.monotonic() + 20
    while not port_file.exists():
        if server.poll() is not None or time.monotonic() > deadline:
            give_up("the model server did not start")
        time.sleep(0.02)
    return int(port_file.read_text())


def environment(agent: Agent) -> dict[str, str]:
    """Return the caller's environment: private places, the provider key, and a planted secret."""
    places = [os.path.dirname(sys.executable), *os.environ.get("PATH", os.defpath).split(":")]
    if agent.directory is not None:
        places.insert(0, str(agent.directory))
    return {
        "PATH": ":".join(places),
        "HOME": str(HOME),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "XDG_RUNTIME_DIR": str(DEMO / "run"),
        "TMPDIR": str(DEMO / "tmp"),
        "CODEX_HOME": str(HOME / ".codex"),
        "CODEXLAB_WORKSPACES_ROOT": str(WORKSPACES),
        "STUB_KEY": STUB_KEY,
        "DATABASE_PASSWORD": "never-seen-by-the-agent",
        **GIT_ENVIRON,
    }


# -- one task --------------------------------------------------------------------------


def run_task(agent: Agent, repository: Path, words: list[str]) -> Run:
    """Run codexlab-run as a user would, showing what the agent streams."""
    argv = ["codexlab-run", "--issue", ISSUE, *agent.flags, "--", *agent.command, *words]
    say(f"{bold('$')} {bold(quoted(argv))}")
    launcher = shutil.which("codexlab-run", path=os.path.dirname(sys.executable))
    if launcher is None:
        give_up("codexlab-run is not installed beside this python")
    with (
        STDERR.open("a") as stderr,
        subprocess.Popen(
            [launcher, *argv[1:]],
            cwd=repository,
            env=environment(agent),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            show_event(line)
        status = process.wait(timeout=_TASK_LIMIT)
    say(f"exit status {status}")
    return finished_run(status)


def finished_run(status: int) -> Run:
    """Read the newest record below the workspaces root."""
    records = WORKSPACES.glob("*/*/*/.codexlab/runs/*/record.json")
    newest = max(records, key=lambda path: path.stat().st_mtime_ns, default=None)
    if newest is None or status != 0:
        print(STDERR.read_text(), end="", file=sys.stderr)
        give_up(f"the task failed with exit status {status}")
    record = json.loads(newest.read_text())
    return Run(status, record, newest.parents[3] / "workdir")


def show_event(line: str) -> None:
    """Show one line of the agent's event stream in a few words."""
    try:
        event = json.loads(line)
    except ValueError:
        say(f"  {dim('|')} {line.rstrip()}")
        return
    item = event.get("item", {})
    if event["type"] == "thread.started":
        say(f"  {dim('|')} thread   {event['thread_id']}")
    elif event["type"] == "item.completed" and item["type"] == "command_execution":
        say(f"  {dim('|')} ran      {item['command']}  (exit {item['exit_code']})")
    elif event["type"] == "item.completed" and item["type"] == "agent_message":
        say(f"  {dim('|')} says     {item['text']}")
    elif event["type"].startswith("turn."):
        say(f"  {dim('|')} {event['type']}")


# -- what is shown ---------------------------------------------------------------------


def show_change(run: Run, repository: Path) -> None:
    """Show the change in the worktree, and that the checkout itself is untouched."""
    say()
    say(f"{bold('$')} {bold('git diff')}   in {shown(run.workdir)}")
    diff = git(run.workdir, "diff")
    for line in diff.splitlines():
        say("  " + {"+": green, "-": red}.get(line[:1], plain)(line))
    untouched = git(repository, "status", "--porcelain") == ""
    expect("+    return a + b" in diff, "the agent changed calculator.py in its own worktree")
    expect(untouched, "the checkout it was started from is untouched")


def show_record(run: Run) -> None:
    """Show the parts of the record that a daemon acts on, and the proof of emptiness."""
    keys = ["run_id", "reason", "exit_status", "agent_outcome", "thread", "contained"]
    say()
    say(f"{bold('record.json')} says, among other things")
    for key in keys:
        say(f"  {key:<14} {json.dumps(run.record.get(key))}")
    contained = run.record["contained"]
    expect(run.record["agent_outcome"] == "completed", "exit status and event stream agree")
    expect(
        contained["left"] == 0,
        f"contained: {contained['left']} processes left, read by {contained['mechanism']}",
    )


def show_continuity(first: Run, second: Run) -> None:
    """Show that the second task went on where the first had ended."""
    say()
    expect(first.workdir == second.workdir, "the same worktree, with the first task's change")
    same = first.record["thread"] == second.record["thread"]
    expect(same and bool(first.record["thread"]), f"the same thread {second.record['thread']}")


def bring_home(agent: Agent, repository: Path) -> None:
    """Look at the work, commit it, and merge it into the branch of the checkout."""
    (HOME / ".gitconfig").write_text("[user]\n\tname = You\n\temail = you@localhost\n")
    for words in (
        ["diff", ISSUE, "--stat"],
        ["commit", ISSUE, "-m", "Fix add()"],
        ["merge", ISSUE],
    ):
        say(f"{bold('$')} {bold(quoted(['codexlab', *words]))}")
        program = Path(sys.executable).with_name("codexlab")
        done = subprocess.run(
            [program, *words],
            cwd=repository,
            env=environment(agent) | {"GIT_CONFIG_GLOBAL": str(HOME / ".gitconfig")},
            capture_output=True,
            text=True,
            check=False,
        )
        for line in (done.stdout + done.stderr).splitlines():
            say(f"  {line}")
        if done.returncode != 0:
            give_up(f"codexlab {words[0]} failed with exit status {done.returncode}")
    merged = "return a + b" in (repository / "calculator.py").read_text()
    clean = git(repository, "status", "--porcelain") == ""
    expect(merged and clean, "the checkout has the change, as a commit on its own branch")


def show_nothing_left(*runs: Run) -> None:
    """Look for processes that carry a run's id, and for a runtime directory of a run."""
    tags = [f"CODEXLAB_RUN_ID={run.record['run_id']}".encode() for run in runs]
    alive = [pid for pid, variables in environments() if any(tag in variables for tag in tags)]
    expect(not alive, "no process on this machine carries the id of either run")
    places = (DEMO / "run", DEMO / "tmp")
    temporary = [path for place in places for path in place.glob("*/*")]
    expect(not temporary, "no temporary directory of a run is left")
    say()
    say(f"Look around: {shown(WORKSPACES)}")


def environments() -> Iterator[tuple[int, list[bytes]]]:
    """Yield pid and environment of every process whose environment we may read."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                yield int(entry), Path(f"/proc/{entry}/environ").read_bytes().split(b"\0")
            except OSError:
                continue


if __name__ == "__main__":
    sys.exit(main())
