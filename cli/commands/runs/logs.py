"""``codexlab logs``: what a run wrote, while it runs and afterwards."""

from __future__ import annotations

import datetime as dt
import os
import sys
from contextlib import closing

import click

from ....agents.registry import adapter_of
from ....supervisor.history.run_entry import RunEntry
from ....supervisor.logs.run_logs import StreamName
from ...context.completion import complete_runs
from ...context.find_runs import find_run
from ...logs.reader import OutputReader, wait_for_logs
from ...logs.show import Look
from ...ui.one_of import one_of
from ...ui.terminal import on_one_line
from ...ui.whole_number import WholeNumber
from .ended import Fate, end_words, name_of, result_of


@click.command()
@click.argument("name", metavar="RUN", shell_complete=complete_runs)
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until the run ends.")
@click.option("-t", "--times", is_flag=True, help="The time before each line.")
@click.option("--since", metavar="TIME", help="From a time on, or an age such as 10m.")
@click.option("-n", "--lines", type=WholeNumber(min=0), metavar="N", help="Only the last N lines.")
@click.option("--raw", is_flag=True, help="As the agent wrote it, and no conversation made of it.")
@click.option("--stdout", is_flag=True, help="Only what it wrote to stdout.")
@click.option("--stderr", is_flag=True, help="Only what it wrote to stderr.")
@click.option("--json", "as_json", is_flag=True, help="An object for each line it wrote.")
def logs(
    name: str,
    follow: bool,
    times: bool,
    since: str | None,
    lines: int | None,
    raw: bool,
    stdout: bool,
    stderr: bool,
    as_json: bool,
) -> int:
    """Show what RUN wrote, both streams in the order they came.

    RUN is an issue, ISSUE/AGENT, PROJECT/ISSUE, a run id or its beginning, or - for the last run.
    The JSON events of codex and claude are shown as a conversation. On a terminal control
    characters are shown, never obeyed; piped, --raw gives each byte as it came.
    """
    one_of(stdout=stdout, stderr=stderr)
    one_of(raw=raw, json=as_json)
    after = None if since is None else _seconds(since)
    entry = find_run(name, live_first=True)
    with closing(wait_for_logs(entry, follow=follow)) as opened:
        streams = _streams(stdout=stdout, stderr=stderr)
        reader = OutputReader(entry, opened, streams, follow=follow)
        if after is not None:
            reader.go_to_time(after)
        if raw and not times and lines is None and not sys.stdout.isatty():
            reader.copy()
        else:
            look = _look(entry, times=times, raw=raw, as_json=as_json)
            reader.show(look, lines, from_here=after is not None)
    if follow and not reader.faults.status and sys.stderr.isatty():
        _tell_end(entry)
    return reader.faults.status


def _streams(*, stdout: bool, stderr: bool) -> frozenset[StreamName]:
    if stderr:
        return frozenset({StreamName.STDERR})
    return frozenset(StreamName) - ({StreamName.STDERR} if stdout else set())


def _look(entry: RunEntry, *, times: bool, raw: bool, as_json: bool) -> Look:
    terminal = sys.stdout.isatty()
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    said = None if raw or as_json else adapter_of(entry.agent).said_reader()
    return Look(terminal, terminal and not plain, times, as_json, said)


def _seconds(since: str) -> float:
    """Return a moment in seconds since the epoch.

    :raises click.BadParameter: it is no time and no age.
    """
    from ...transcripts.options import moment  # it loads the filters of rollouts

    return dt.datetime.fromisoformat(moment(since, "--since")).timestamp()


def _tell_end(entry: RunEntry) -> None:
    result = result_of(entry, Fate.ENDED)
    end = result.problem or f"it has ended: {end_words(result)}"
    click.echo(f"codexlab: {on_one_line(f'{name_of(entry)}: {end}')}", err=True)
