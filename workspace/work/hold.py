"""An issue's work, held so that no run starts in it meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable

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


@contextlib.contextmanager
def held_work(paths: WorkspacePaths, key: WorkspaceKey) -> Generator[HeldWork]:
    """Hold a workspace and the directory of its work for a block.

    :raises WorkspaceBusy: a run holds one of them.
    :raises WorkRefused: processes of a run may be left there, or there is no work.
    """
    claim = claim_workspace(paths, key)
    try:
        _check_over(paths, claim.lasts)
        work = find_work(paths, claim.read_provenance(), claim.witness)
        there = claim.claim_directory(work.directory)
        _check_over(paths, () if there is None else (there,))
        yield HeldWork(work, claim)
    finally:
        claim.release()


def _check_over(paths: WorkspacePaths, last: Iterable[OwnerRecord]) -> None:
    for owner in last:
        if (reason := unproven(owner)) is not None:
            raise WorkRefused(paths.root, f"{reason}; see 'codexlab reap'")
