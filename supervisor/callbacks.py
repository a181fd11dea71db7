"""The callbacks of a run: a line for a person, an event, and where output goes."""

from __future__ import annotations

from collections.abc import Callable

Tell = Callable[[str], None]
"""Take one line for a person."""

Hear = Callable[[dict[str, object]], None]
"""Take one event in this process."""

Outputs = tuple[int | None, int | None]
"""Descriptors for the agent's stdout and stderr; None for logs only."""
