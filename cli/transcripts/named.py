"""What the commands share that change rollouts, or judge them: which ones, and how far to go."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ...rollout.catalog.lookup import rollouts_named
from ...rollout.operations.handle import StoreHandle, Subject

dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Say what would be done; change nothing."
)
strict_option = click.option(
    "--strict", is_flag=True, help="Leave files alone where the kernel grants no file leases."
)


def name_rollouts(places: StoreHandle, given: tuple[str, ...]) -> Iterator[Subject]:
    """Resolve what was named, each rollout once; of a thread every file.

    :raises CallerError: there is none of that name, or several.
    """
    seen: set[Subject] = set()
    for name in given:
        for rollout in rollouts_named(places.home, name):
            subject = places.subject(rollout.path)
            if subject not in seen:
                seen.add(subject)
                yield subject
