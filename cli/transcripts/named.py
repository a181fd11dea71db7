"""Shared by commands that change or judge rollouts: their arguments and limits."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ...rollout.catalog.lookup import rollouts_named
from ...rollout.operations.handle import StoreHandle
from ...rollout.store.rollout_ref import RolloutRef
from ..ui.grouped_help import grouped_option
from .options import WHICH

dry_run_option = click.option("--dry-run", is_flag=True, help="Print the plan; change nothing.")
strict_option = grouped_option(
    WHICH, "--strict", is_flag=True, help="Leave files alone if the kernel grants no file leases."
)


def name_rollouts(places: StoreHandle, given: tuple[str, ...]) -> Iterator[RolloutRef]:
    """Resolve names to rollouts, each once; a thread yields all its files.

    :raises CallerError: no rollout has that name, or several have it.
    """
    seen: set[RolloutRef] = set()
    for name in given:
        for rollout in rollouts_named(places.home, name):
            located = places.rollout(rollout.path)
            if located not in seen:
                seen.add(located)
                yield located
