"""Whether a directory can be the root of workspaces."""

from __future__ import annotations

from pathlib import Path

from ..kernel.errors import CallerError
from ..kernel.files.broad_directory import describe_broad_directory


class RootTooWide(CallerError):
    """Workspaces would lie among everything else that the directory holds."""

    def __init__(self, root: Path, what: str) -> None:
        self.root = root
        super().__init__(
            f"workspaces root {root}: it is {what};"
            " expected a directory of its own, such as ~/codexlab/workspaces"
        )


def check_root(root: Path, home: str | None) -> None:
    """Refuse a root that holds far more than workspaces; one that is not there is fine.

    :param home: the home directory of whose workspaces they are; None: nobody's.
    :raises RootTooWide: it is the root of the filesystem, or that home.
    """
    if (what := describe_broad_directory(root, home)) is not None:
        raise RootTooWide(root, what)
