"""How findings are put into words."""

from __future__ import annotations

_MOST_LINES = 25
_LONGEST = 200


def commits_text(count: int) -> str:
    """Return ``1 commit that is`` or ``N commits that are``."""
    return "1 commit that is" if count == 1 else f"{count} commits that are"


def shown(path: str) -> str:
    """Return a path that an agent named so that it is one short line."""
    text = "".join(letter if letter.isprintable() else "?" for letter in path)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def shortened(lines: list[str]) -> list[str]:
    """Return the first findings, each once, and how many more there are."""
    found = list(dict.fromkeys(lines))
    more = len(found) - _MOST_LINES
    return [*found[:_MOST_LINES], f"and {more} more"] if more > 0 else found
