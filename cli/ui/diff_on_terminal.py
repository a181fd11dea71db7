"""Show a difference on a terminal: hostile bytes made visible, lines coloured by us."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import click

from ...kernel.errands.own_programs import own_search_path
from .terminal import neutral

_HUNK = r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@"
_COLOURS = {"+": "green", "-": "red"}


def show_diff(data: bytes, *, pager: bool, coloured: bool) -> None:
    """Write what git said; git's own colours are not asked for, a file could forge them.

    :param coloured: it is a patch, whose lines have colours unless ``NO_COLOR`` is set.
    """
    plain = not coloured or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    lines = data.decode(errors="replace").splitlines(keepends=True) if plain else None
    shown = map(neutral, lines) if lines is not None else _coloured(data)
    if pager:
        # It ends by itself where all fits, and obeys colours alone.
        os.environ.setdefault("LESS", "-FRX")
        os.environ["PATH"] = own_search_path(os.environ.get("PATH", os.defpath))
        click.echo_via_pager(shown, color=not plain)
        return
    for line in shown:
        click.echo(line, nl=False, color=not plain)


def _coloured(data: bytes) -> Iterator[str]:
    """Yield the lines of a patch with colours; within a hunk a line's first letter says which."""
    removed = added = 0
    for raw in data.split(b"\n")[:-1]:
        line = neutral(raw.decode(errors="replace"))
        if removed > 0 or added > 0:
            removed -= line[:1] in ("-", " ", "")
            added -= line[:1] in ("+", " ", "")
            colour = _COLOURS.get(line[:1])
            yield (click.style(line, fg=colour) if colour else line) + "\n"
        elif (hunk := re.match(_HUNK, line)) is not None:
            removed, added = (1 if said is None else int(said) for said in hunk.groups())
            yield click.style(hunk[0], fg="cyan") + line[hunk.end() :] + "\n"
        else:
            yield click.style(line, bold=True) + "\n"
