"""``codexlab resume``: go on with the thread of an issue in the agent's own screen."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from ....agents.recognition import detect_agent, program_words
from ....agents.registry import adapter_of
from ....kernel.errors import CallerError
from ....supervisor.history.run_entry import RunEntry, RunFacts
from ....workspace.claim.threads import is_thread_id, read_threads
from ....workspace.paths import paths_at
from ....workspace.records.provenance import WorkdirKind
from ...context.completion import complete_issues
from ...context.find_runs import current_project, find_run
from ...context.workspaces import configured_root
from ...ui.terminal import on_one_line, one_line
from ..workspace.view import write_json
from .ended import is_live, name_of

_LAUNCH = "import sys; sys.argv[0] = 'codexlab-run'; from codexlab.cli import launch; launch()"


class NothingToResume(CallerError):
    """No thread is known that could go on."""

    def __init__(self, entry: RunEntry, why: str) -> None:
        self.run_id = entry.run_id
        super().__init__(f"issue {one_line(entry.issue, 40)}: {why}")


@click.command()
@click.argument("name", metavar="ISSUE", shell_complete=complete_issues)
@click.option("-x", "--execute", is_flag=True, help="Start it here, on this terminal.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of the command.")
def resume(name: str, execute: bool, as_json: bool) -> None:
    """Print the command that goes on with the thread of an issue.

    The agent shows its own screen, in the issue's workspace: --execute starts it at once. ISSUE is
    an issue or any other name of a run, as for codexlab stop; ISSUE/AGENT chooses the agent.
    """
    entry = find_run(name)
    thread = _thread_of(entry)
    words = resume_words(entry, thread)
    if execute:
        _become(words)
    if as_json:
        write_json(
            {
                "run_id": entry.run_id,
                "project": entry.project,
                "issue": entry.issue,
                "agent": entry.agent,
                "thread": thread,
                "command": words,
            }
        )
    else:
        click.echo(on_one_line(shlex.join(words)))
        if is_live(entry):
            line = f"{name_of(entry)} is running; codexlab stop {entry.run_id} ends that run"
            click.echo(f"codexlab: {on_one_line(line)}", err=True)


def resume_words(entry: RunEntry, thread: str) -> list[str]:
    """Return the words of the launch that goes on with a thread, and of no other.

    What a launch from here would choose anyway is left out.
    """
    # Only our own note is believed: what was made of a workspace's record is an agent's to say.
    facts = entry.facts if entry.place else RunFacts()
    program = program_words(facts.command) or (entry.agent,)
    words = ["--issue", entry.issue]
    if entry.project != current_project(os.environ):
        words += ["--project", entry.project]
    if detect_agent(program) != entry.agent:
        words += ["--agent", entry.agent]
    root = Path(entry.workspace).parents[2]
    if root != configured_root():
        words += ["--workspaces-root", os.fspath(root)]
    words += ["-i", "--", *program, *adapter_of(entry.agent).resume_arguments(thread)]
    return ["codexlab-run", *_where(facts), *words]


def _where(facts: RunFacts) -> tuple[str, ...]:
    """Return the options that make a launch work in the directory of a run."""
    workdir = facts.workdir
    match facts.workdir_kind:
        case WorkdirKind.PLAIN:
            return ("--no-repo",)
        case WorkdirKind.GIVEN if workdir:
            return ("--workdir", workdir)
        case WorkdirKind.LINKED if workdir and not Path.cwd().is_relative_to(workdir):
            return ("-C", workdir)
        case _:
            return ()


def _thread_of(entry: RunEntry) -> str:
    """Return the newest thread of an agent in its workspace, else the run's own.

    :raises NothingToResume: there is none.
    """
    if not adapter_of(entry.agent).resumable:
        why = f"agent {entry.agent} has no threads; expected ISSUE/codex or ISSUE/claude"
        raise NothingToResume(entry, why)
    newest = read_threads(paths_at(Path(entry.workspace))).latest(entry.agent)
    thread = entry.thread if newest is None else newest.id
    if thread is None or not is_thread_id(thread):
        raise NothingToResume(entry, f"no run of {entry.agent} has started a thread there")
    return thread


def _become(words: Sequence[str]) -> NoReturn:
    """Replace this process by the launch, which then has the terminal.

    Of our own installation, whatever PATH says.
    """
    # -P: the current directory holds no modules of ours.
    os.execv(sys.executable, [sys.executable, "-P", "-c", _LAUNCH, *words[1:]])
