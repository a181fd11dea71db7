"""Flags that exclude each other."""

from __future__ import annotations

import click


def one_of(**given: bool) -> str | None:
    """Return the name of the only flag that was given, or None.

    :param given: each flag's name, without its dashes, and whether it was given.
    :raises click.UsageError: more than one was given; obeying the last would be a guess.
    """
    names = [name for name, is_given in given.items() if is_given]
    if len(names) > 1:
        flags = " and ".join(f"--{name}" for name in names)
        raise click.UsageError(f"{flags} exclude each other: expected one of them, or none")
    return names[0] if names else None
