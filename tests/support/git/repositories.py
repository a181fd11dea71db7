"""Small real git repositories that know nothing of the developer's configuration."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

GIT_ENVIRON: Final[Mapping[str, str]] = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_DATE": "2026-01-02T03:04:05+00:00",
    "GIT_COMMITTER_DATE": "2026-01-02T03:04:05+00:00",
}
"""What keeps git off the developer's configuration and its commits reproducible."""

# A background `git gc` would outlive its test.
_SETTINGS = {
    "user.name": "codexlab tests",
    "user.email": "tests@localhost",
    "commit.gpgsign": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
}


def git(directory: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
    """Run git in ``directory`` and return its output without the last newline.

    :param environ: its whole environment; by default one without any configuration.
    :raises subprocess.CalledProcessError: git failed; its stderr is in the exception.
    """
    base = {"PATH": os.environ["PATH"], "HOME": os.devnull, "LC_ALL": "C.UTF-8", **GIT_ENVIRON}
    done = subprocess.run(
        ["git", *arguments],
        cwd=directory,
        env=base if environ is None else environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.rstrip("\n")


def make_repository(directory: Path, files: Mapping[str, str] | None = None) -> Path:
    """Make a repository with one commit on ``main``; identity and settings are local to it."""
    directory.mkdir(parents=True)
    git(directory, "init", "-q", "-b", "main")
    for key, value in _SETTINGS.items():
        git(directory, "config", key, value)
    for name, text in (files or {"README.md": "# sample\n"}).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(directory, "add", "-A")
    git(directory, "commit", "-q", "-m", "Start the sample")
    return directory
