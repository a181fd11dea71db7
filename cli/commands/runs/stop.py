"""``codexlab stop``: end runs by their own ladder, and wait until nothing of them is left."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence

import click

from ....supervisor.containment.stop import Stopping
from ....supervisor.history.run_entry import RunEntry
from ...context.completion import complete_runs
from ...context.find_runs import find_runs
from ...ui.faults import Faults
from ...ui.terminal import on_one_line
from .ended import (
    Fate,
    RunResult,
    is_live,
    name_of,
    refusal_of,
    result_of,
    say_goes_on,
    tell,
    write_results,
)


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="RUN...", shell_complete=complete_runs)
@click.option("--now", is_flag=True, help="Kill all processes at once, without the grace.")
@click.option("--dry-run", is_flag=True, help="Only say which runs would be stopped.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of lines.")
def stop(names: Sequence[str], now: bool, dry_run: bool, as_json: bool) -> int:
    """End runs, and wait until nothing of them is left.

    RUN is an issue, ISSUE/AGENT, PROJECT/ISSUE, a run id or its beginning, or - for the last run.
    An issue names its live run.

    A run ends as by a signal: its agent has the time of --grace (10 s) to end by itself. Exit
    status 0: all have ended, and the kernel shows that nothing of them is left. 125: not all.
    """
    entries, results = find_runs(names, live_first=True), list[RunResult]()
    faults = Faults()
    try:
        for result in _stop(entries, now=now, dry_run=dry_run):
            results.append(result)
            if not as_json:
                tell(result, faults)
    except KeyboardInterrupt:
        told = [each.entry.run_id for each in results]
        say_goes_on(entry for entry in entries if entry.run_id not in told)
        raise
    if as_json:
        write_results(results)
    well = all(each.is_empty or each.action is Fate.WOULD_STOP for each in results)
    return 0 if well else 125


def _stop(entries: Sequence[RunEntry], *, now: bool, dry_run: bool) -> Iterator[RunResult]:
    """Yield what became of each run, as soon as that is known."""
    live = [entry for entry in entries if is_live(entry)]
    for entry in entries:
        if entry not in live:
            yield result_of(entry, Fate.ENDED)
    if dry_run:
        yield from (RunResult(entry, Fate.WOULD_STOP) for entry in live)
        return
    began = time.monotonic()
    stopping = Stopping(live, now=now)
    yield from (refusal_of(entry, error) for entry, error in stopping.refused)
    for entry in stopping.ends(_say_nothing if now else _say_late):
        yield result_of(entry, Fate.STOPPED, time.monotonic() - began)


def _say_late(entries: Sequence[RunEntry]) -> None:
    """Tell a person at a terminal why nothing happens yet."""
    if sys.stderr.isatty():
        for entry in entries:
            line = f"{name_of(entry)} has its grace to end by itself; --now ends it at once"
            click.echo(f"codexlab: {on_one_line(line)}", err=True)


def _say_nothing(entries: Sequence[RunEntry]) -> None:
    """Say nothing of runs that are being killed."""
    del entries
