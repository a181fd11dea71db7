"""Which argument or variable is too long for execve(2)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from ..errors import CommandTooLong

# MAX_ARG_STRLEN of the kernel is 32 pages, the closing NUL included.
_LONGEST = 32 * os.sysconf("SC_PAGE_SIZE") - 1


def too_long(argv: Sequence[str], environment: Mapping[str, str]) -> CommandTooLong:
    """Say what made the kernel answer E2BIG: the longest text, or all of them together."""
    size, what = max(_texts(argv, environment))
    if size > _LONGEST:
        return CommandTooLong(what, size, _LONGEST)
    # Each text has a NUL and a pointer (execve(2), "Limits on size of arguments").
    total = sum(size + 9 for size, _ in _texts(argv, environment))
    return CommandTooLong(
        f"arguments and variables together (the longest is {what})",
        total,
        os.sysconf("SC_ARG_MAX"),
    )


def _texts(argv: Sequence[str], environment: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    for number, argument in enumerate(argv):
        yield len(os.fsencode(argument)), f"argument {number} of the command"
    for name, value in environment.items():
        yield len(os.fsencode(name)) + 1 + len(os.fsencode(value)), f"variable {name}"
