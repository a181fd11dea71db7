"""``codexlab reap``: end processes of dead runs now, not only at the issue's next launch."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from ...supervisor.containment.reap import ReapAction, Reaped, reap_workspaces
from ...supervisor.containment.reap_leaves import reap_leaves
from ...supervisor.records.runs import known_roots
from ..context.workspaces import UnreadableRoot, configured_root, find_root, tell_unreadable
from ..ui.faults import Faults
from ..ui.non_empty import NON_EMPTY_TEXT
from ..ui.terminal import on_one_line
from .workspace.view import write_json, write_table


@click.command()
@click.option(
    "--root",
    type=NON_EMPTY_TEXT,
    metavar="DIR",
    help="Only below this workspaces root. Default: all roots that runs used.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@click.option("--dry-run", is_flag=True, help="Only list; end and change nothing.")
def reap(root: str | None, as_json: bool, dry_run: bool) -> int:
    """End the processes that killed runs left, and finish those runs' records.

    A running workspace is never touched. A process is ended only if it is in the dead run's own
    cgroup or carries the run's own tag. Exit status 125: some processes are left, or a workspace
    cannot be used; the others are reaped all the same.
    """
    faults = Faults()
    runs: list[Reaped] = []
    for place in _places(root):
        tell = tell_unreadable(faults, place)
        runs.extend(reap_workspaces(place, dry_run=dry_run, tell=tell))
    leaves = reap_leaves(dry_run=dry_run)
    for run in runs:
        if run.action is ReapAction.FAILED:
            faults.tell(run.path, run.why)
    if as_json:
        write_json({"runs": [asdict(run) for run in runs], "leaves": leaves})
    else:
        _write(runs, leaves, dry_run=dry_run, silent=bool(faults.status))
    return 125 if any(run.action is ReapAction.LEFT for run in runs) else faults.status


def _places(root: str | None) -> list[Path]:
    """Return the given root, or else the default root and all that runs have used."""
    try:
        chosen = find_root(root)
    except UnreadableRoot:
        if root:
            raise
        # It is reported with what cannot be read in the other roots: they are reaped.
        chosen = configured_root()
    return [chosen] if root else sorted({chosen, *known_roots()})


def _write(runs: list[Reaped], leaves: list[str], *, dry_run: bool, silent: bool) -> None:
    if runs:
        write_table(("PROJECT", "ISSUE", "AGENT", "RUN", "", "WHY"), map(_row, runs))
    for leaf in leaves:
        click.echo(on_one_line(f"{'would remove' if dry_run else 'removed'} {leaf}"), err=True)
    if not runs and not leaves and not silent:
        click.echo("nothing to reap", err=True)


def _row(run: Reaped) -> tuple[str, ...]:
    processes = "1 process" if run.processes == 1 else f"{run.processes} processes"
    done = f"{run.action} {processes}"
    if run.action in (
        ReapAction.BUSY,
        ReapAction.KEPT,
        ReapAction.FAILED,
        ReapAction.PUT_BACK,
        ReapAction.WOULD_PUT_BACK,
    ):
        done = run.action
    elif run.action in (ReapAction.FINISHED, ReapAction.WOULD_FINISH):
        done = f"{run.action} its record"
    return (run.project, run.issue, run.agent, run.run_id, done, run.why)
