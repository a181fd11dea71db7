"""What tests compare of a run's record."""

from __future__ import annotations

from typing import cast


def without_names(contained: object) -> dict[str, object]:
    """Return the proof without the names of what was ended.

    A process that has just forked is still called what it was forked from.
    """
    proof = cast("dict[str, object]", contained)
    return {key: value for key, value in proof.items() if key != "swept_names"}
