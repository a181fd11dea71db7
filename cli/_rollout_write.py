"""``codexlab rollout compress|restore|verify|sweep``: what changes, or judges, a store."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import signal
from collections.abc import Callable, Iterator

import click

from ..kernel import BusyError, CodexlabError
from ..rollout import (
    CompressOptions,
    Finding,
    Outcome,
    Places,
    Result,
    StoreScan,
    Subject,
    SweepOptions,
    compress,
    find_places,
    repair,
    resolve_rollout,
    restore,
    scan_store,
    seconds_since_sweep,
    sweep,
    verify_directories,
    verify_kept,
    verify_places,
    verify_rollout,
    verify_temporaries,
)
from ._rollout_options import Duration, Size, home_option, json_option
from ._rollout_results import show_left_out, show_nothing, show_results, write_json
from ._sweep_progress import choose_progress
from ._terminal import one_line

# ioprio_set(2) has no wrapper; its number is the architecture's.
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
_IDLE_CLASS = 3 << 13
_NICE = 10


_rollouts = click.argument("rollouts", nargs=-1, metavar="[THREAD|PATH]...")
_dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing.")
_strict = click.option(
    "--strict", is_flag=True, help="Leave files alone where the kernel grants no file leases."
)


@click.command("compress")
@home_option
@click.argument("rollouts", nargs=-1, required=True, metavar="THREAD|PATH...")
@_strict
@_dry_run
@json_option
def compress_command(
    home: str, rollouts: tuple[str, ...], strict: bool, dry_run: bool, as_json: bool
) -> int:
    """Compress these rollouts now, however young, unless somebody can write to them.

    The plain files are kept for a grace; the next sweep frees their space.
    """
    places = find_places(home)
    options = CompressOptions(strict=strict, dry_run=dry_run)
    outcomes: set[Outcome] = set()
    results = _noting(outcomes, compress(places, _named(places, rollouts), options))
    status = show_results(results, as_json=as_json)
    if Outcome.COMPRESSED in outcomes and not as_json:
        click.echo("the plain files are kept for 60 s; `codexlab rollout sweep` settles", err=True)
    return status


def _noting(outcomes: set[Outcome], results: Iterator[Result]) -> Iterator[Result]:
    for result in results:
        outcomes.add(result.outcome)
        yield result


@click.command("restore")
@home_option
@click.argument("rollouts", nargs=-1, required=True, metavar="THREAD|PATH...")
@_dry_run
@json_option
def restore_command(home: str, rollouts: tuple[str, ...], dry_run: bool, as_json: bool) -> int:
    """Give these rollouts their plain form again."""
    places = find_places(home)
    results = (_restore(places, subject, dry_run) for subject in _named(places, rollouts))
    return show_results(results, as_json=as_json)


def _restore(places: Places, subject: Subject, dry_run: bool) -> Result:
    if dry_run:
        return _would_restore(subject)
    try:
        changed = restore(places, subject)
    except BusyError as error:
        return Result(subject, Outcome.BUSY, str(error))
    except (CodexlabError, OSError) as error:
        return Result(subject, Outcome.FAILED, str(error))
    return Result(subject, Outcome.RESTORED) if changed else _plain_already(subject)


def _would_restore(subject: Subject) -> Result:
    if os.path.lexists(subject.compressed):
        return Result(subject, Outcome.WOULD, "would restore")
    return _plain_already(subject)


def _plain_already(subject: Subject) -> Result:
    return Result(subject, Outcome.SKIPPED, "it is plain already")


@click.command("verify")
@home_option
@_rollouts
@click.option(
    "--repair", "mend", is_flag=True, help="First finish, in the whole store, what a crash left."
)
@click.option(
    "--dry-run", is_flag=True, help="With --repair: say what it would do, change nothing."
)
@json_option
def verify_command(
    home: str, rollouts: tuple[str, ...], mend: bool, dry_run: bool, as_json: bool
) -> int:
    """Check these rollouts, or the whole store: frames, lines, ordinals, both forms.

    Exits with 1 when something needs attention. Nothing is changed without --repair.
    """
    if dry_run and not mend:
        raise click.UsageError("--dry-run goes with --repair; without it nothing is changed")
    places = find_places(home)
    if mend:
        show_results(repair(places, dry_run=dry_run), as_json=as_json)
    bad = 0
    for finding in _findings(places, rollouts):
        bad += not finding.is_harmless
        _show_finding(finding, as_json=as_json)
    if not as_json:
        click.echo(f"{bad} to look at" if bad else "all is well", err=True)
    return 1 if bad else 0


def _findings(places: Places, rollouts: tuple[str, ...]) -> Iterator[Finding]:
    for subject in _named(places, rollouts):
        yield from verify_rollout(subject)
    if not rollouts:
        yield from _findings_of_all(places)


def _findings_of_all(places: Places) -> Iterator[Finding]:
    scan = scan_store(places.home)
    yield from verify_directories(scan)
    subjects = list(_found(places, scan))
    for subject in subjects:
        yield from verify_rollout(subject)
    yield from verify_places(subjects)
    yield from verify_temporaries({subject.directory for subject in subjects})
    yield from verify_kept(places)


def _show_finding(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        write_json(
            {
                "path": finding.path,
                "line": finding.line,
                "problem": finding.problem,
                "detail": finding.detail or None,
                "harmless": finding.is_harmless,
            }
        )
        return
    where = f":{finding.line}" if finding.line else ""
    detail = f": {one_line(finding.detail)}" if finding.detail else ""
    note = " (harmless)" if finding.is_harmless else ""
    click.echo(f"{one_line(finding.path)}{where}: {finding.problem}{detail}{note}")


@click.command("sweep")
@home_option
@click.option(
    "--cold-age", type=Duration(), default="7d", show_default=True, help="Not written for so long."
)
@click.option("--max-bytes", type=Size(), help="Compress at most so many plain bytes.")
@click.option("--max-files", type=click.IntRange(1), help="Compress at most so many.")
@click.option("--max-time", type=Duration(), help="Begin no more files after that.")
@click.option(
    "--workers",
    type=click.IntRange(1, 16),
    default=2,
    show_default=True,
    help="Threads that encode.",
)
@click.option(
    "--grace",
    type=Duration(),
    default="60s",
    show_default=True,
    help="Keep a plain file for so long after its frame took its place.",
)
@click.option(
    "--unless-swept",
    type=Duration(),
    metavar="DURATION",
    help="Not where a whole sweep that left nothing to do ended less than that ago.",
)
@click.option("--no-wait", is_flag=True, help="Leave the last kept files to the next sweep.")
@_strict
@_dry_run
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
    """Compress what is cold, finish what a crash left, free what is settled.

    Ends at a file boundary on SIGTERM or Ctrl-C. One sweep per store; codex's own
    maintenance is waited out by the next one.
    """
    places = find_places(home)
    since = seconds_since_sweep(places, cold_age)
    if unless_swept is not None and since is not None and since < unless_swept:
        return show_nothing(f"swept {since:.0f} s ago", as_json=as_json)
    progress = choose_progress(as_json=as_json)
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
        on_unreadable=show_left_out,
    )
    _lower_priority()
    results = progress.watch(sweep(places, options))
    status = show_results(results, as_json=as_json, quiet=not dry_run)
    # A busy file is what a sweep is prepared for.
    return 125 if status == 125 else 0


def _stop_on_signals() -> Callable[[], bool]:
    received: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda caught, _frame: received.append(caught))
    return lambda: bool(received)


def _lower_priority() -> None:
    """Let agents and people go first; this process is ours alone."""
    # Whoever started us may have lowered it already.
    os.setpriority(os.PRIO_PROCESS, 0, max(_NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    number = _IOPRIO_SET.get(platform.machine())
    if number is not None:
        # Without effect where the scheduler knows no classes; nothing depends on it.
        ctypes.CDLL(None).syscall(number, 1, 0, _IDLE_CLASS)


def _named(places: Places, given: tuple[str, ...]) -> Iterator[Subject]:
    """Resolve what was named, each rollout once."""
    seen: set[Subject] = set()
    for name in given:
        subject = places.subject(resolve_rollout(places.home, name).path)
        if subject not in seen:
            seen.add(subject)
            yield subject


def _found(places: Places, scan: StoreScan) -> Iterator[Subject]:
    for found in scan.rollouts:
        # Gone or moved since it was found: it is somebody else's business.
        with contextlib.suppress(FileNotFoundError):
            yield places.subject(found.path)


COMMANDS: tuple[click.Command, ...] = (
    compress_command,
    restore_command,
    verify_command,
    sweep_command,
)
