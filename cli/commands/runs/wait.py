"""``codexlab wait``: wait for the end of runs, and exit with the status of the worst."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing

import click

from ....supervisor.containment.await_ends import EndWatch
from ....supervisor.history.run_entry import RunEntry
from ....supervisor.lifecycle.exit import EXIT_LIMIT
from ...context.completion import complete_runs
from ...context.find_runs import find_runs
from ...ui.faults import Faults
from ...ui.literal_types import DURATION
from .ended import Fate, RunResult, is_live, result_of, say_goes_on, tell, write_results


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="RUN...", shell_complete=complete_runs)
@click.option(
    "--timeout",
    type=DURATION,
    metavar="DURATION",
    help="Wait no longer than this; the runs go on.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print no line for a run that has ended.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of lines, at the end.")
def wait(names: Sequence[str], timeout: float | None, quiet: bool, as_json: bool) -> int:
    """Wait until runs have ended, and print how each of them ended.

    RUN is an issue, ISSUE/AGENT, PROJECT/ISSUE, a run id or its beginning, or - for the last run.
    An issue names its live run, else its newest.

    Exit status: the highest of the runs' own. 124: the time is over. 125: a run was killed and has
    none, or it is on another machine.
    """
    results: list[RunResult] = []
    faults = Faults()
    for result in _wait(find_runs(names, live_first=True), timeout):
        results.append(result)
        if result.action is Fate.RUNNING:
            say_goes_on([result.entry])
        elif not as_json and not (quiet and result.problem is None):
            tell(result, faults)
    if as_json:
        write_results(results)
    if any(each.action is Fate.RUNNING for each in results):
        return EXIT_LIMIT
    return max(each.status for each in results)


def _wait(entries: Sequence[RunEntry], timeout: float | None) -> Iterator[RunResult]:
    """Yield how each run ended, as soon as that is known."""
    live = [entry for entry in entries if is_live(entry)]
    for entry in entries:
        if entry not in live:
            yield result_of(entry, Fate.ENDED)
    deadline = None if timeout is None else time.monotonic() + timeout
    began = time.monotonic()
    with closing(EndWatch(live)) as watch:
        while not watch.is_over:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            for entry in watch.wait(left):
                yield result_of(entry, Fate.ENDED, time.monotonic() - began)
            if left == 0.0:
                break
        yield from (RunResult(entry, Fate.RUNNING) for entry in watch.waiting)
