"""``codexlab rollout stats``: what transcripts take, and what could be saved."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import Any

import click

from ....rollout.catalog.filters import select_files
from ....rollout.maintenance.usage import (
    RolloutUsage,
    StoreStats,
    Trial,
    choose_sample,
    measure,
    try_compression,
)
from ...transcripts.options import (
    filter_options,
    filters_from,
    home_option,
    json_option,
)
from ...transcripts.results import show_left_out
from ...ui.grouped_help import GroupedHelp, grouped_option
from ...ui.json_lines import json_bytes
from ...ui.literal_types import DURATION, SIZE
from ...ui.terminal import fit, one_line, size_text, terminal_width
from ...ui.whole_number import WholeNumber

_SHOWN, _TRIAL = "What is shown", "Trial of compression"
_TOP = 10
_BAR = 24
_EIGHTHS = " ▏▎▍▌▋▊▉█"


@click.command(cls=GroupedHelp)
@home_option
@filter_options
@grouped_option(
    _SHOWN,
    "--top",
    type=WholeNumber(1),
    default=_TOP,
    show_default=True,
    help="Rows of each table.",
)
@grouped_option(
    _TRIAL,
    "--sample",
    type=SIZE,
    default="128M",
    show_default=True,
    help="Bytes to try compression on; 0: none.",
)
@grouped_option(
    _TRIAL,
    "--trial-time",
    type=DURATION,
    default="10s",
    show_default=True,
    help="Limit for the trial.",
)
@json_option
def stats(home: str, top: int, sample: int, trial_time: float, as_json: bool, **choice: Any) -> int:
    """Show the space of rollouts by month, project and thread, and the possible saving.

    A sample of the plain rollouts is compressed in memory, as `codexlab rollout compress`
    does it, and discarded. The exit status is 125 when a directory could not be read.
    """
    rollouts, unreadable = select_files(home, filters_from(**choice))
    for bad in unreadable:
        show_left_out(bad)
    usage = measure(rollouts)
    deadline = time.monotonic() + trial_time
    tried = try_compression(choose_sample(rollouts, sample), lambda _: time.monotonic() < deadline)
    if as_json:
        _write_json(usage, tried)
    else:
        _write_text(usage, tried, top)
    return 125 if unreadable else 0


def _saving(usage: StoreStats, tried: Trial) -> int:
    """Estimate the bytes saved if every plain rollout shrank like the sample."""
    return round(usage.total.plain_bytes * (1 - 1 / tried.factor))


def _write_json(usage: StoreStats, tried: Trial) -> None:
    document = {
        "total": _numbers(usage.total),
        "months": {month: _numbers(usage.by_month[month]) for month in sorted(usage.by_month)},
        "projects": {cwd: _numbers(part) for cwd, part in usage.by_project.items()},
        "threads": {thread: _numbers(part) for thread, part in usage.by_thread.items()},
        "trial": asdict(tried) | {"factor": tried.factor, "saving": _saving(usage, tried)},
    }
    sys.stdout.buffer.write(json_bytes(document) + b"\n")
    sys.stdout.buffer.flush()


def _numbers(usage: RolloutUsage) -> dict[str, int]:
    return asdict(usage) | {"total_bytes": usage.total_bytes}


def _write_text(usage: StoreStats, tried: Trial, top: int) -> None:
    total = usage.total
    click.echo(
        f"{_count(total.rollouts)}{_threads(usage)}, {size_text(total.total_bytes)}:"
        f" {size_text(total.plain_bytes)} plain in {total.plain} files,"
        f" {size_text(total.compressed_bytes)} compressed; {size_text(total.disk_bytes)} on disk"
    )
    if not total.rollouts:
        return
    _write_part("month", usage.by_month, sorted(usage.by_month)[-24:])
    _write_part("directory", usage.by_project, _largest(usage.by_project, top))
    _write_part("thread", usage.by_thread, _largest(usage.by_thread, top))
    click.echo()
    click.echo(_verdict(usage, tried))


def _largest(parts: dict[str, RolloutUsage], top: int) -> list[str]:
    return sorted(parts, key=lambda name: (-parts[name].total_bytes, name))[:top]


def _write_part(title: str, parts: dict[str, RolloutUsage], names: list[str]) -> None:
    hidden = f" ({len(names)} of {len(parts)})" if len(names) < len(parts) else ""
    click.echo()
    click.secho(f"by {title}{hidden}", bold=True)
    most = max(max(parts[name].total_bytes for name in names), 1)
    labels = [one_line(name, 60) or "(not said)" for name in names]
    width = max(map(len, labels))
    terminal = terminal_width()
    width = width if terminal is None else max(12, min(width, terminal - _BAR - 32))
    for name, label in zip(names, labels, strict=True):
        part = parts[name]
        bar = bar_text(part.total_bytes / most, _BAR)
        click.echo(
            f"  {fit(label, width)}  {size_text(part.total_bytes):>8}"
            f"  {bar}  {_count(part.rollouts)}"
        )


def _count(number: int) -> str:
    return f"{number} rollout" if number == 1 else f"{number} rollouts"


def _threads(usage: StoreStats) -> str:
    """Return the number of threads, if it differs from the number of files."""
    number = len(usage.by_thread)
    if number == usage.total.rollouts:
        return ""
    return f" of {number} thread" + ("" if number == 1 else "s")


def bar_text(share: float, width: int) -> str:
    """Draw a share of one as a bar, in steps of an eighth of a cell."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (_EIGHTHS[rest] if rest else "")).ljust(width)


def _verdict(usage: StoreStats, tried: Trial) -> str:
    if not usage.total.plain:
        return "every rollout is compressed already"
    if not tried.rollouts:
        return "nothing was tried (--sample 0, or no plain rollout is that small)"
    share = tried.before / max(usage.total.plain_bytes, 1)
    return (
        f"tried on {tried.rollouts} plain rollouts, {size_text(tried.before)}"
        f" ({share:.0%} of the plain bytes): {tried.factor:.1f} times smaller;"
        f" compressing all plain ones would save about {size_text(_saving(usage, tried))}"
    )
