"""Remove what tests made, whatever they did to its rights."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def remove_tree(path: Path) -> None:
    """Remove a tree even where a test took the rights away from its directories.

    What is around it keeps its rights: other tests are at work there.
    """
    try:
        shutil.rmtree(path)
    except OSError:
        _take_rights(path)
        shutil.rmtree(path)


def _take_rights(path: Path) -> None:
    path.chmod(0o700)
    for directory, inner, _ in os.walk(path):
        for each in (Path(directory, name) for name in inner):
            if not each.is_symlink():
                each.chmod(0o700)  # before the walk goes into it
