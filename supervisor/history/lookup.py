"""Look up what the registry no longer has; nothing is made or changed for that."""

from __future__ import annotations

import os
from functools import partial

from ...kernel.xdg import state_directory
from .run_entry import RunEntry


def find_past_run(run_id: str) -> RunEntry | None:
    """Return a run of the history, or None where it has none of that id or cannot be read now."""
    if not _is_there():
        return None
    from .database import peek_history
    from .past_runs import find_run

    return peek_history(partial(find_run, run_id=run_id))


def past_roots() -> list[str]:
    """Return the workspaces roots that runs of the history used."""
    if not _is_there():
        return []
    from .database import peek_history
    from .past_runs import roots

    return peek_history(roots) or []


def _is_there() -> bool:
    """Look first: the library behind it takes milliseconds to load."""
    return os.path.lexists(f"{state_directory()}/history.sqlite")
