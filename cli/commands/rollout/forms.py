"""``codexlab rollout compress|restore``: give the named rollouts their other form."""

from __future__ import annotations

import os
from collections.abc import Iterator

import click

from ....kernel.errors import BusyError, CodexlabError
from ....rollout.compression.candidate import CompressOptions
from ....rollout.compression.compress import compress
from ....rollout.operations.handle import StoreHandle
from ....rollout.operations.result import Outcome, Result
from ....rollout.reconcile.materialize import restore
from ....rollout.store.rollout_ref import RolloutRef
from ...transcripts.named import dry_run_option, name_rollouts, strict_option
from ...transcripts.options import home_option, json_option
from ...transcripts.results import show_results


@click.command("compress")
@home_option
@click.argument("rollouts", nargs=-1, required=True, metavar="THREAD|PATH...")
@strict_option
@dry_run_option
@json_option
def compress_command(
    home: str, rollouts: tuple[str, ...], strict: bool, dry_run: bool, as_json: bool
) -> int:
    """Compress these rollouts now, at any age, unless a process can write to them.

    The plain files are kept for a grace. The next sweep frees their space.
    """
    places = StoreHandle(home)
    options = CompressOptions(strict=strict, dry_run=dry_run)
    outcomes: set[Outcome] = set()
    results = _noting(outcomes, compress(places, name_rollouts(places, rollouts), options))
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
@dry_run_option
@json_option
def restore_command(home: str, rollouts: tuple[str, ...], dry_run: bool, as_json: bool) -> int:
    """Give these rollouts their plain form again."""
    places = StoreHandle(home)
    results = (_restore(places, rollout, dry_run) for rollout in name_rollouts(places, rollouts))
    return show_results(results, as_json=as_json)


def _restore(places: StoreHandle, rollout: RolloutRef, dry_run: bool) -> Result:
    if dry_run:
        return _would_restore(rollout)
    try:
        changed = restore(places, rollout)
    except BusyError as error:
        return Result(rollout, Outcome.BUSY, str(error))
    except (CodexlabError, OSError) as error:
        return Result(rollout, Outcome.FAILED, str(error))
    return Result(rollout, Outcome.RESTORED) if changed else _plain_already(rollout)


def _would_restore(rollout: RolloutRef) -> Result:
    if os.path.lexists(rollout.compressed_path):
        return Result(rollout, Outcome.WOULD, "would restore")
    return _plain_already(rollout)


def _plain_already(rollout: RolloutRef) -> Result:
    return Result(rollout, Outcome.SKIPPED, "it is plain already")
