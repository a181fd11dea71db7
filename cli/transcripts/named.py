"""What the commands share that change rollouts, or judge them: which ones, and how far to go."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ...rollout.catalog.lookup import rollouts_named
from ...rollout.operations.handle import StoreHandle
from ...rollout.store.rollout_ref import RolloutRef

dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Say what would be done; change nothing."
)
strict_option = click.option(
    "--strict", is_flag=True, help="Leave files alone where the kernel grants no file leases."
)


def name_rollouts(places: StoreHandle, given: tuple[str, ...]) -> Iterator[RolloutRef]:
    """Resolve what was named, each rollout once; of a thread every file.

    :raises CallerError: there is none of that name, or several.
    """
    seen: set[RolloutRef] = set()
    for name in given:
        for rollout in rollouts_named(places.home, name):
            located = places.rollout(rollout.path)
            if located not in seen:
                seen.add(located)
                yield located
