"""Remove what tests made, whatever they did to its rights and however deep it is."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_GIVE_RIGHTS = ("-type", "d", "!", "-perm", "-u+rwx", "-execdir", "chmod", "u+rwx", "{}", ";")


def remove_tree(path: Path) -> None:
    """Remove a tree, also where a test took the rights away from its directories.

    What is around it keeps its rights: other tests are at work there.

    :raises FileNotFoundError: there is none.
    """
    try:
        shutil.rmtree(path)
    except (OSError, RecursionError):
        path.chmod(0o700)
        # Unlike shutil, these programs take a tree that is deeper than any path or stack.
        _run("find", path, *_GIVE_RIGHTS)
        _run("rm", "-rf", path)


def _run(*words: str | Path) -> None:
    # In a place that a user who is not root may read; find refuses a PATH of relative names.
    subprocess.run(words, cwd="/", env={"PATH": os.defpath}, check=True)
