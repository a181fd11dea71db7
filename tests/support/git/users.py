"""The user's own git configuration in a test's HOME."""

from __future__ import annotations

from pathlib import Path

from ..lab import Lab

IDENTITY = "[user]\n\tname = Me Myself\n\temail = me@localhost\n"


def write_users_config(lab: Lab, more: str = "") -> Path:
    """Write ``~/.gitconfig`` with an identity, and more settings."""
    path = Path(lab.environ["HOME"], ".gitconfig")
    path.write_text(IDENTITY + more)
    lab.environ["GIT_CONFIG_GLOBAL"] = str(path)
    return path
