"""Our own XDG directories, for locks on things that are not ours to write into."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path


def state_directory() -> Path:
    """Return ``$XDG_STATE_HOME/codexlab``, by default below ``~/.local/state``."""
    return _xdg("XDG_STATE_HOME", ".local/state")


def cache_directory() -> Path:
    """Return ``$XDG_CACHE_HOME/codexlab``, by default below ``~/.cache``."""
    return _xdg("XDG_CACHE_HOME", ".cache")


def _xdg(variable: str, fallback: str) -> Path:
    value = os.environ.get(variable, "")
    # A relative value is invalid and ignored (XDG Base Directory Specification 0.8).
    if not value.startswith("/"):
        home = os.path.expanduser("~")
        value = f"{Path.home() if home.startswith('~') else home}/{fallback}"
    return _as_path(f"{value}/codexlab")


@lru_cache(maxsize=4)
def _as_path(text: str) -> Path:
    """Return the path that a text spells. A launch asks for it many times."""
    return Path(text)
