"""Where an issue's work lies: the directory of its last run, judged before git is asked there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

from ...kernel.values import frozen
from ..git.checkout import Checkout
from ..git.files import check_git_files
from ..git.state import judged_checkout, recorded_git_dir
from ..git.view import GitView, view_at
from ..paths import WorkspacePaths, belongs_at
from ..records.provenance import Provenance
from ..records.used import directory_used
from ..records.witness import Witness
from .refusal import WorkRefused

# No file's content and no list of files is believed of a cache that an agent can write.
_SETTINGS = (("core.untrackedCache", "false"), ("core.splitIndex", "false"))


@frozen
class IssueWork:
    """The checkout that holds an issue's work.

    :param directory: the directory that the last run worked in.
    :param checkout: where that lies, and what it is at.
    :param view: what our git hears of it.
    """

    paths: WorkspacePaths
    provenance: Provenance
    directory: Path
    checkout: Checkout
    view: GitView

    @property
    def top(self) -> Path:
        """Return the top level of the checkout."""
        return cast("Path", self.checkout.top)

    @property
    def git_dir(self) -> Path:
        """Return the checkout's own git directory."""
        return cast("Path", self.checkout.git_dir)

    @property
    def common_dir(self) -> Path:
        """Return its repository's git directory."""
        return cast("Path", self.checkout.common_dir)


def find_work(
    paths: WorkspacePaths, provenance: Provenance | None, witness: Witness | None
) -> IssueWork:
    """Return the checkout of an issue's work.

    :param provenance: the workspace's record; None where it is missing or damaged.
    :param witness: what our state directory knows of the workspace.
    :raises WorkRefused: there is none, or it cannot be told for certain which one it is.
    :raises GitFailed: its ``.git`` leads elsewhere than it did, or is damaged.
    """
    if provenance is None or not belongs_at(provenance.key, paths.names):
        raise WorkRefused(paths.root, "its workspace.json is missing, damaged or another's")
    directory = directory_used(paths, witness)
    if directory is None:
        raise WorkRefused(paths.root, "the directory of its last run is gone or another one")
    if provenance.workdir not in (None, os.fspath(directory)):
        reason = f"names {provenance.workdir} as its workdir, but its last run worked in"
        raise WorkRefused(paths.provenance, f"{reason} {directory}; launch once more")
    found = judged_checkout(directory, recorded_git_dir(provenance))
    own = directory == paths.workdir
    if found.top is None or found.git_dir is None or (own and found.top != found.cwd):
        raise WorkRefused(directory, "is no git checkout, so there is nothing to bring home")
    return IssueWork(paths, provenance, directory, found, _view(found))


def _view(found: Checkout) -> GitView:
    assert found.git_dir is not None
    assert found.common_dir is not None
    check_git_files(found.git_dir, found.common_dir, "status")
    # A filter of the user's own, such as LFS, keeps what it stores where git's own would.
    lfs = ("lfs.storage", f"{found.common_dir}/lfs")
    return view_at(found.git_dir, found.common_dir, found.top, (*_SETTINGS, lfs))
