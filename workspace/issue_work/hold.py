"""An issue's work, held so that no run starts in it meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable
from pathlib import Path

from ...kernel.values import frozen
from ..claim.claim import Claim, claim_workspace
from ..owner import OwnerRecord
from ..paths import WorkspaceKey, WorkspacePaths
from ..unique_work.findings import unproven
from .place import IssueWork, find_work
from .refusal import WorkRefused


@frozen
class HeldWork:
    """The work of an issue, and the claim that keeps runs away from it."""

    work: IssueWork
    claim: Claim

    def hold_too(self, directory: Path) -> None:
        """Keep runs away from another directory as well.

        :raises WorkspaceBusy: a run is in it.
        :raises WorkRefused: processes of a run may be left there.
        """
        there = self.claim.claim_directory(directory)
        _check_over(directory, () if there is None else (there,))


@contextlib.contextmanager
def held_work(paths: WorkspacePaths, key: WorkspaceKey) -> Generator[HeldWork]:
    """Hold a workspace and the directory of its work for a block.

    :raises WorkspaceBusy: a run holds one of them.
    :raises WorkRefused: processes of a run may be left there, or there is no work.
    """
    claim = claim_workspace(paths, key)
    try:
        _check_over(paths.root, claim.lasts)
        held = HeldWork(find_work(paths, claim.read_provenance(), claim.witness), claim)
        held.hold_too(held.work.directory)
        yield held
    finally:
        claim.release()


def _check_over(place: Path, last: Iterable[OwnerRecord]) -> None:
    for owner in last:
        if (reason := unproven(owner)) is not None:
            raise WorkRefused(place, f"{reason}; see 'codexlab reap'")
