"""The runs that a person's words mean, out of the runs that this user's state directory knows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from ...kernel.errors import CallerError, CodexlabError
from ...kernel.process.identity import is_running
from ...kernel.xdg import state_directory
from ...supervisor.history.lookup import find_past_run
from ...supervisor.history.past_runs import RunName
from ...supervisor.history.run_entry import RunEntry
from ...supervisor.lifecycle.exit import Reason
from ...supervisor.records.past import past_names
from ...supervisor.records.registry import is_here, read_entries
from ..ui.terminal import on_one_line
from .run_names import KnownRun, UnknownRun, choose_run
from .workspaces import roots_to_search, user_config


class ForeignRun(CallerError):
    """The run is another user's, or was started with another state directory."""

    def __init__(self, run_id: str, uid: int) -> None:
        from .foreign_runs import user_name

        self.run_id, self.uid = run_id, uid
        if uid == os.getuid():
            why = f"is not in {state_directory()}; expected the XDG_STATE_HOME it was started with"
        else:
            why = f"belongs to user {user_name(uid)}; expected a run of yours"
        super().__init__(f"run {run_id} {why}")


def find_run(name: str, *, live_first: bool = False) -> RunEntry:
    """Return the run that a person means; see `choose_run` for the names.

    :param live_first: an issue names a live run, where there is one.
    :raises UnknownRun, AmbiguousRun: no run of this user has that name, or several have it.
    :raises ForeignRun: it is the id of another user's run.
    """
    return find_runs([name], live_first=live_first)[0]


def find_runs(names: Sequence[str], *, live_first: bool = False) -> list[RunEntry]:
    """Return the run that each name means, each run once, in the order of the names.

    :raises UnknownRun, AmbiguousRun, ForeignRun: as `find_run`; nothing was done yet.
    """
    entries = {entry.run_id: entry for entry in read_entries()}
    known, project = _known_runs(entries, names), current_project(os.environ)
    chosen: dict[str, RunEntry] = {}
    for name in names:
        try:
            run_id = choose_run(name, known, project, live_first=live_first).run_id
        except UnknownRun:
            _check_whose(name)
            # Now with all runs, for a hint at names that are near.
            run_id = choose_run(name, _known_runs(entries), project).run_id
        entry = entries.get(run_id) or find_past_run(run_id)
        if entry is None:
            raise UnknownRun(name, ())  # it went out of the history at this moment
        chosen[run_id] = entry
    return list(chosen.values())


def current_project(environ: Mapping[str, str]) -> str | None:
    """Return the project that a launch from here would choose; None where none can be told.

    :raises ConfigError: the user config has a wrong key or value.
    """
    from ...workspace.git.checkout import inspect_checkout
    from ...workspace.repository.project import default_project

    given = environ.get("CODEXLAB_PROJECT") or user_config().settings.get("project")
    if given:
        return str(given)
    try:
        return default_project(inspect_checkout(Path.cwd()))
    except (CodexlabError, OSError):
        return None


def _known_runs(entries: Mapping[str, RunEntry], names: Sequence[str] = ()) -> list[KnownRun]:
    """Return the runs that a name may mean; without names all of them, which takes longer."""
    past = past_names(roots_to_search(), _tell, names)
    found = [_past(run) for run in past if run[0] not in entries]
    return [*map(_known, entries.values()), *found]


def _past(run: RunName) -> KnownRun:
    run_id, project, issue, agent, started, reason = run
    return KnownRun(run_id, project, issue, agent, started, held=reason != Reason.BUSY)


def _tell(line: str) -> None:
    click.echo(f"codexlab: {on_one_line(line)}", err=True)


def _known(entry: RunEntry) -> KnownRun:
    live = entry.finished is None and is_here(entry) and is_running(entry.guardian)
    # A run names its temp directory once it has its workspace.
    held = bool(entry.temporary) if live else entry.reason != Reason.BUSY
    return KnownRun(
        entry.run_id, entry.project, entry.issue, entry.agent, entry.started, live, held
    )


def _check_whose(name: str) -> None:
    """Say whose a run is that another user started, or this user with another state directory.

    :raises ForeignRun: there is such a run, and it is running.
    """
    from .foreign_runs import foreign_run

    if (found := foreign_run(name)) is not None:
        raise ForeignRun(*found)
