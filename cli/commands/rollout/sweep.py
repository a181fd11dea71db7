"""``codexlab rollout sweep``: bring a whole store in order, at low priority."""

from __future__ import annotations

import os
import platform
import signal
from collections.abc import Callable

import click

from ....kernel.libc import libc
from ....rollout.locks.sweep_marker import seconds_since_sweep
from ....rollout.maintenance.sweep import COLD_AGE, SweepOptions, sweep
from ....rollout.operations.handle import StoreHandle
from ....rollout.reconcile.retired import RETIRED_GRACE
from ....rollout.store.scan import UnreadableDirectory
from ...transcripts.named import dry_run_option, strict_option
from ...transcripts.options import WHICH, home_option, json_option
from ...transcripts.progress import choose_progress
from ...transcripts.results import show_left_out, show_nothing, show_results
from ...ui.grouped_help import GroupedHelp, grouped_option
from ...ui.literal_types import DURATION, SIZE
from ...ui.whole_number import WholeNumber

# ioprio_set(2) has no wrapper; its number is the architecture's.
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
_IDLE_CLASS = 3 << 13
_NICE = 10
_MUCH, _WAITS = "How much it does", "What it waits for"


@click.command("sweep", cls=GroupedHelp)
@home_option
@grouped_option(
    WHICH,
    "--cold-age",
    type=DURATION,
    default=f"{COLD_AGE / 86400:g}d",
    show_default=True,
    help="Cold: not written for this long.",
)
@grouped_option(_MUCH, "--max-bytes", type=SIZE, help="Compress at most this many plain bytes.")
@grouped_option(
    _MUCH, "--max-files", type=WholeNumber(1), help="Compress at most this many rollouts."
)
@grouped_option(_MUCH, "--max-time", type=DURATION, help="Begin no more files after this time.")
@grouped_option(
    _MUCH,
    "--workers",
    type=WholeNumber(1, 16),
    default=2,
    show_default=True,
    help="Number of threads that encode.",
)
@grouped_option(
    _WAITS,
    "--grace",
    type=DURATION,
    default=f"{RETIRED_GRACE:g}s",
    show_default=True,
    help="Keep a plain file this long after its frame took its place.",
)
@grouped_option(
    _WAITS,
    "--unless-swept",
    type=DURATION,
    metavar="DURATION",
    help="Do nothing if a complete sweep ended less than this ago.",
)
@grouped_option(
    _WAITS, "--no-wait", is_flag=True, help="Leave the last kept files to the next sweep."
)
@strict_option
@dry_run_option
@json_option
def sweep_command(
    home: str,
    cold_age: float,
    max_bytes: int | None,
    max_files: int | None,
    max_time: float | None,
    workers: int,
    grace: float,
    unless_swept: float | None,
    no_wait: bool,
    strict: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Compress cold rollouts, repair after a crash, free settled files.

    It ends at a file boundary on SIGTERM or Ctrl-C. One sweep runs per store. While codex's own
    maintenance works, it leaves the store to the next sweep. The exit status is 125 when a file
    failed or a directory could not be read.
    """
    places = StoreHandle(home)
    since = seconds_since_sweep(places.sweep_lock, cold_age)
    if unless_swept is not None and since is not None and since < unless_swept:
        return show_nothing(f"swept {since:.0f} s ago", as_json=as_json)
    progress = choose_progress(as_json=as_json)
    unreadable: list[UnreadableDirectory] = []

    def leave_out(directory: UnreadableDirectory) -> None:
        unreadable.append(directory)
        show_left_out(directory)

    options = SweepOptions(
        cold_age=cold_age,
        max_bytes=max_bytes,
        max_files=max_files,
        max_seconds=max_time,
        workers=workers,
        strict=strict,
        dry_run=dry_run,
        grace=grace,
        wait=not no_wait,
        should_stop=_stop_on_signals(),
        on_begin=progress.begin,
        on_unreadable=leave_out,
    )
    _lower_priority()
    results = progress.watch(sweep(places, options))
    status = show_results(results, as_json=as_json, quiet=not dry_run)
    # A sweep expects busy files.
    return 125 if status == 125 or unreadable else 0


def _stop_on_signals() -> Callable[[], bool]:
    received: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda caught, _frame: received.append(caught))
    return lambda: bool(received)


def _lower_priority() -> None:
    """Let agents and people go first; no other work runs in this process."""
    # The caller may have lowered it already.
    os.setpriority(os.PRIO_PROCESS, 0, max(_NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    number = _IOPRIO_SET.get(platform.machine())
    if number is not None:
        # It has no effect if the scheduler knows no classes; nothing depends on it.
        libc().syscall(number, 1, 0, _IDLE_CLASS)
