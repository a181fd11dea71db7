"""What tests compare of a run's record."""

from __future__ import annotations

from collections.abc import Mapping


def without_names(contained: Mapping[str, object]) -> dict[str, object]:
    """Return the proof without the names of what was ended.

    A process that has just forked is still called what it was forked from.
    """
    return {key: value for key, value in contained.items() if key != "swept_names"}
