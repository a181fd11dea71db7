"""``codexlab ps``: list the runs of all workspaces roots; with --all the ended runs too."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import click

from ....supervisor.history.past_runs import REFUSED, RunQuery, outcome_of
from ....supervisor.history.run_entry import RunEntry
from ....supervisor.lifecycle.exit import AgentOutcome
from ....supervisor.records.past import list_past_runs, past_ids, tidy_registry
from ....supervisor.records.registry import read_entries
from ....supervisor.records.runs import RunState, RunView, list_runs
from ...context.workspaces import roots_to_search
from ...ui.faults import Faults
from ...ui.non_empty import NON_EMPTY_TEXT
from ...ui.terminal import on_one_line, size_text
from ...ui.whole_number import WholeNumber
from ..workspace.view import write_json
from .columns import Column, write_columns
from .describe import describe_run
from .words import duration_of, seconds_between, span, state_words, unique_beginnings

_LIMIT = 200
_COLUMNS = (
    Column("PROJECT", 6, 12),
    Column("ISSUE", 0, 10),
    Column("AGENT", 2, 8),
    Column("STATE", 0, 22),
    Column("AGE"),
    Column("DURATION", 3),
    Column("OUTCOME", 7),
    Column("MEMORY", 5),
    Column("PROCS", 8),
    Column("PID", 9),
    Column("RUN"),
    Column("THREAD", 10),
)


@click.command()
@click.option("-a", "--all", "everything", is_flag=True, help="Also ended and refused runs.")
@click.option("--issue", type=NON_EMPTY_TEXT, metavar="TEXT", help="Only runs of this issue.")
@click.option("--project", type=NON_EMPTY_TEXT, metavar="TEXT", help="Only of this project.")
@click.option("--agent", type=NON_EMPTY_TEXT, metavar="NAME", help="Only of this agent.")
@click.option(
    "--outcome",
    type=click.Choice([*(str(outcome) for outcome in AgentOutcome), REFUSED]),
    help="Only ended runs with this outcome; refused: no agent was started. Implies --all.",
)
@click.option("--since", metavar="DATE|AGE", help="Begun at this time or later: 2026-01-31, or 7d.")
@click.option(
    "--limit",
    type=WholeNumber(0),
    default=_LIMIT,
    metavar="N",
    help=f"The newest N ended runs; 0: all of them. Default: {_LIMIT}.",
)
@click.option("-q", "--quiet", "only_ids", is_flag=True, help="Only the ids of the runs.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
def ps(everything: bool, limit: int, only_ids: bool, as_json: bool, **asked: str | None) -> int:
    """List your runs, the newest first: their state, age and resources.

    A run is shown alive only if the kernel shows its guardian alive. A run that was killed may have
    left processes: codexlab reap ends them.
    """
    if asked["since"] is not None:
        from ...transcripts.options import moment

        asked["since"] = moment(asked["since"], "--since")
    everything = everything or asked["outcome"] is not None
    views, older = _find(RunQuery(**asked, limit=limit or None), everything=everything)
    if as_json:
        write_json([describe_run(view) for view in views])
    elif only_ids:
        sys.stdout.write("".join(f"{view.entry.run_id}\n" for view in views))
    elif views:
        names = _names(views)
        write_columns(_COLUMNS, [_row(view, names) for view in views])
    else:
        click.echo("no runs" if everything else "nothing is running", err=True)
    if older:
        click.echo(f"{older} older runs are not shown; --limit 0 shows all", err=True)
    return _tell_of(views, silent=as_json or only_ids)


def _find(query: RunQuery, *, everything: bool) -> tuple[list[RunView], int]:
    """Return the runs that are asked for, newest first, and how many more there are."""
    views = list_runs(query.issue)
    live = [v for v in views if v.state is not RunState.FINISHED and query.takes(v.entry)]
    past, count = list[RunEntry](), 0
    if everything:
        ended = [view.entry for view in views if view.state is RunState.FINISHED]
        past, count = list_past_runs(query, ended, roots_to_search(), _tell)
        tidy_registry(roots_to_search(), _tell)
    over = [RunView(entry, RunState.FINISHED, entry.thread) for entry in past]
    found = [*live, *over]
    found.sort(key=lambda view: (view.entry.started, view.entry.run_id), reverse=True)
    return found, count - len(past)


def _tell_of(views: Sequence[RunView], *, silent: bool) -> int:
    """Say which runs need somebody; return the exit status."""
    dead = sum(view.state is RunState.DEAD for view in views)
    if dead and not silent:
        runs = "1 run was" if dead == 1 else f"{dead} runs were"
        click.echo(f"{runs} killed; codexlab reap ends their processes", err=True)
    faults = Faults()
    for view in views:
        if view.problem is not None:
            faults.tell(view.entry.workspace, view.problem)
    return faults.status


def _tell(line: str) -> None:
    click.echo(f"codexlab: {on_one_line(line)}", err=True)


def _names(views: Sequence[RunView]) -> Mapping[str, str]:
    """Return what each run is called: on a terminal the shortest name that means it alone."""
    ids = [view.entry.run_id for view in views]
    if not sys.stdout.isatty():
        return dict(zip(ids, ids, strict=True))
    return unique_beginnings({*ids, *past_ids(), *(entry.run_id for entry in read_entries())})


def _row(view: RunView, names: Mapping[str, str]) -> tuple[str, ...]:
    entry = view.entry
    alive = view.processes is not None or view.state in (RunState.WAITING, RunState.STARTING)
    memory = entry.facts.peak_memory if view.memory is None else view.memory
    return (
        entry.project,
        entry.issue,
        entry.agent,
        state_words(view),
        span(seconds_between(entry.started)),
        span(duration_of(entry)),
        outcome_of(entry) or "-",
        "-" if memory is None else size_text(memory),
        "-" if view.processes is None else str(view.processes),
        str(entry.guardian.pid) if alive else "-",
        names[entry.run_id],
        view.thread or "-",
    )
