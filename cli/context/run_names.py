"""Which run a name means: a pure decision over the runs that are known.

What a name can be, the strongest first:

- ``-``, the last run of this project, else of all
- a run id
- an issue: of this project, else of the only other project that has it
- ``ISSUE/AGENT`` or ``PROJECT/ISSUE[/AGENT]``
- the unique beginning of a run id, or of its part behind the date
"""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterable, Sequence

from ...kernel.errors import CallerError
from ...kernel.values import frozen
from ..ui.terminal import one_line

LAST = "-"
# A mistyped number of an issue is most often shorter, and must name no run.
_SHORTEST = 4
_MOST_CHOICES, _MOST_NEAR = 5, 3
# So alike is near: the numbers 12 and 13 are.
_NEAR = 0.5
# To compare a name with all that ever ran would take longer than to list it.
_COMPARED = 500


@frozen
class KnownRun:
    """One run, as far as its name goes.

    :param started: ISO 8601 time in UTC.
    :param live: its guardian runs.
    :param held: it got its workspace. A run that waits for it, or was refused, did not.
    """

    run_id: str
    project: str
    issue: str
    agent: str
    started: str
    live: bool = False
    held: bool = True


class UnknownRun(CallerError):
    """No run has that name."""

    def __init__(self, name: str, near: Sequence[str]) -> None:
        self.name, self.near = name, near
        if name == LAST:
            problem = "there is no run yet; see codexlab-run --help"
        elif not name:
            problem = "the name of a run is empty; expected an issue, a run id, or -"
        else:
            hint = f"near: {', '.join(near)}" if near else "see codexlab ps --all"
            problem = f"{one_line(name, 60)}: no run has that name; {hint}"
        super().__init__(problem)


class AmbiguousRun(CallerError):
    """Several runs have that name."""

    def __init__(self, name: str, choices: Sequence[KnownRun]) -> None:
        self.name, self.choices = name, choices
        shown = [describe_choice(run) for run in choices[:_MOST_CHOICES]]
        if len(choices) > _MOST_CHOICES:
            shown.append(f"{len(choices) - _MOST_CHOICES} more")
        super().__init__(
            f"{one_line(name, 60)}: {len(choices)} runs have that name, choose by run id:"
            f" {'; '.join(shown)}"
        )


def choose_run(
    name: str, runs: Sequence[KnownRun], project: str | None, *, live_first: bool = False
) -> KnownRun:
    """Return the run that a name means.

    :param runs: all that are known, in any order.
    :param project: where the person stands; its runs go first.
    :param live_first: an issue names a live run, where there is one, and not a newer run that
        has ended.
    :raises UnknownRun, AmbiguousRun: no run has that name, or several have it.
    """
    if name == LAST:
        return _last(runs, project)
    if exact := [run for run in runs if run.run_id == name]:
        return exact[0]
    for spellings in (_as_issue, _as_place):
        if found := [run for run in runs if name in spellings(run)]:
            return _of_one_issue(name, found, project, live_first=live_first)
    begun = [run for run in runs if begins(run.run_id, name)]
    if not begun:
        raise UnknownRun(name, _near(name, runs))
    if len(begun) > 1:
        raise AmbiguousRun(name, _newest_first(begun))
    return begun[0]


def describe_choice(run: KnownRun) -> str:
    """Return a run in a few words, with its local time: one of several choices."""
    where = f"issue {one_line(run.issue, 40)} of {one_line(run.project, 40)}"
    return f"{run.run_id} ({where}, {run.agent}, started {_local(run.started)})"


def _last(runs: Sequence[KnownRun], project: str | None) -> KnownRun:
    here = [run for run in runs if run.project == project] or runs
    if not here:
        raise UnknownRun(LAST, ())
    return _newest_first(here)[0]


# An issue may itself hold a slash, so the plain issue goes before a longer name.
def _as_issue(run: KnownRun) -> tuple[str, ...]:
    return (run.issue,)


def _as_place(run: KnownRun) -> tuple[str, ...]:
    place = f"{run.project}/{run.issue}"
    return f"{run.issue}/{run.agent}", place, f"{place}/{run.agent}"


def _of_one_issue(
    name: str, found: list[KnownRun], project: str | None, *, live_first: bool
) -> KnownRun:
    """Return the newest run, if all are of one issue of one project."""
    here = [run for run in found if run.project == project] or found
    newest: dict[tuple[str, str], KnownRun] = {}
    for run in sorted(here, key=lambda run: (run.live and live_first, run.held, _age(run))):
        newest[run.project, run.issue] = run
    if len(newest) > 1:
        raise AmbiguousRun(name, _newest_first(newest.values()))
    return newest.popitem()[1]


def begins(run_id: str, name: str) -> bool:
    """Tell whether a name is long enough and begins a run id, or its part behind the date."""
    behind = run_id.partition("-")[2]
    return len(name) >= _SHORTEST and (run_id.startswith(name) or behind.startswith(name))


def _age(run: KnownRun) -> tuple[str, str]:
    return run.started, run.run_id


def _newest_first(runs: Iterable[KnownRun]) -> list[KnownRun]:
    return sorted(runs, key=_age, reverse=True)


def _near(name: str, runs: Iterable[KnownRun]) -> list[str]:
    """Return issues and run ids that look like a name, the nearest first."""
    names: dict[str, None] = {}
    for run in _newest_first(runs)[:_COMPARED]:
        names |= {run.issue: None, run.run_id: None}
    near = difflib.get_close_matches(name, names, _MOST_NEAR, _NEAR)
    return [one_line(each, 60) for each in near]


def _local(started: str) -> str:
    try:
        return f"{dt.datetime.fromisoformat(started).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return "at an unknown time"
