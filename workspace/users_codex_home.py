"""Where the user's own codex home is. Imports next to nothing: a search asks before all else."""

from __future__ import annotations

import os
from collections.abc import Mapping


def users_codex_home(environ: Mapping[str, str]) -> str:
    """Return ``CODEX_HOME``, by default ``~/.codex``, with ``~`` expanded."""
    return os.path.expanduser(environ.get("CODEX_HOME") or "~/.codex")
