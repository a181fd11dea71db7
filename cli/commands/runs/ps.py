"""``codexlab ps``: list the runs of all workspaces roots; with --all the ended runs too."""

from __future__ import annotations

import datetime as dt
import os
from typing import Any

import click

from ....supervisor.history.past_runs import RunQuery
from ....supervisor.records.past import list_past_runs, tidy_registry
from ....supervisor.records.runs import RunState, RunView, list_runs
from ...context.workspaces import configured_root
from ...ui.faults import Faults
from ...ui.non_empty import NON_EMPTY_TEXT
from ...ui.terminal import on_one_line, size_text
from ..workspace.view import write_json, write_table

_HEADER = ("PROJECT", "ISSUE", "AGENT", "STATE", "SINCE", "PID", "PROCS", "MEMORY", "RUN", "THREAD")


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also runs that are over or were refused.")
@click.option("--issue", type=NON_EMPTY_TEXT, metavar="TEXT", help="Only runs of this issue.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
def ps(everything: bool, issue: str | None, as_json: bool) -> int:
    """List your runs: their state, age and resources.

    A run is shown alive only if the kernel shows its guardian alive. A dead run was killed and may
    have left processes: codexlab reap ends them.
    """
    views = _all_runs(issue) if everything else _live_runs(issue)
    if as_json:
        write_json([_describe(view) for view in views])
    elif views:
        write_table(_HEADER, map(_row, views))
    else:
        click.echo("no runs" if everything else "nothing is running", err=True)
    dead = sum(view.state is RunState.DEAD for view in views)
    if dead and not as_json:
        runs = "1 run was" if dead == 1 else f"{dead} runs were"
        click.echo(f"{runs} killed; codexlab reap ends their processes", err=True)
    faults = Faults()
    for view in views:
        if view.problem is not None:
            faults.tell(view.entry.workspace, view.problem)
    return faults.status


def _live_runs(issue: str | None) -> list[RunView]:
    return [view for view in list_runs(issue) if view.state is not RunState.FINISHED]


def _all_runs(issue: str | None) -> list[RunView]:
    """Return all runs, oldest first, those of the history too."""
    roots, views = [configured_root()], list_runs(issue)
    live = [view for view in views if view.state is not RunState.FINISHED]
    ended = [view.entry for view in views if view.state is RunState.FINISHED]
    past, _ = list_past_runs(RunQuery(issue), ended, roots, _tell)
    tidy_registry(roots, _tell)
    over = [RunView(entry, RunState.FINISHED, entry.thread) for entry in past]
    return sorted([*over, *live], key=lambda view: view.entry.started)


def _tell(line: str) -> None:
    click.echo(f"codexlab: {on_one_line(line)}", err=True)


def _describe(view: RunView) -> dict[str, Any]:
    entry = view.entry
    return {
        "run_id": entry.run_id,
        "project": entry.project,
        "issue": entry.issue,
        "agent": entry.agent,
        "state": view.state,
        "started": entry.started,
        "finished": entry.finished,
        "reason": entry.reason,
        "exit_status": entry.exit_status,
        "agent_outcome": entry.agent_outcome,
        "error": entry.error,
        "thread": view.thread,
        "pid": entry.guardian.pid,
        "processes": view.processes,
        "memory": view.memory,
        "workspace": entry.workspace,
        # A run that was refused has none, and one that waits has none yet.
        "record": entry.record if os.path.exists(entry.record) else None,
    }


def _row(view: RunView) -> tuple[str, ...]:
    entry = view.entry
    alive = view.state not in (
        RunState.FINISHED,
        RunState.DEAD,
        RunState.ELSEWHERE,
        RunState.UNREADABLE,
    )
    return (
        entry.project,
        entry.issue,
        entry.agent,
        _state(view),
        _age(entry.started),
        str(entry.guardian.pid) if alive else "-",
        "-" if view.processes is None else str(view.processes),
        "-" if view.memory is None else size_text(view.memory),
        entry.run_id,
        view.thread or "-",
    )


def _state(view: RunView) -> str:
    if view.state is not RunState.FINISHED:
        return view.state
    return f"{view.entry.reason} {view.entry.exit_status}"


def _age(started: str) -> str:
    """Return an age in one unit."""
    try:
        passed = dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(started)
    except (TypeError, ValueError):
        return "-"
    seconds = max(0, round(passed.total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
