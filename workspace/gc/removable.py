"""Refuse to remove a workspace that is used, may have survivors, or holds what is nowhere else."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ...kernel.errors import CallerError
from ..claim.claim import Claim
from ..errors import WorkspaceBusy
from ..owner import OwnerRecord
from ..paths import WorkspacePaths
from ..records.machine import is_this_machine
from ..unique_work.findings import TRANSCRIPTS, findings, unproven
from .survey import survey_workspace
from .used_below import told, used_below
from .uses import Use, read_uses


class RemovalRefused(CallerError):
    """Something in the workspace exists nowhere else, or may still run; nothing was deleted."""

    def __init__(self, path: Path, reason: str, advice: str = "") -> None:
        self.path, self.reason, self.advice = path, reason, advice
        super().__init__(f"{path}: {reason}; nothing was deleted{advice and ', '}{advice}")


def check_unused(paths: WorkspacePaths, since: float | None) -> None:
    """Refuse what was used after ``since`` (seconds since the epoch)."""
    survey = survey_workspace(paths)
    if since is not None and survey is not None and survey.used > since:
        raise RemovalRefused(paths.root, "has been used since this was decided")


def check_survivors(claim: Claim, *, force: bool) -> None:
    """Refuse while a run may be left; a run of another issue may have been in the workdir.

    What was left on another machine nobody here can end or see, so there force decides.
    """
    own, last = claim.previous, [*claim.lasts]
    if claim.paths.workdir.is_dir():
        there = claim.claim_directory(claim.paths.workdir)
        # Who ends a dead run's survivors writes that into the workspace's own record.
        if own is None or there is None or own.run_id != there.run_id:
            last += [] if there is None else [there]
    _refuse_survivors(claim, last, force=force)


def _refuse_survivors(claim: Claim, last: Iterable[OwnerRecord], *, force: bool) -> None:
    for owner in last:
        reason = unproven(owner)
        if reason is None or (force and not is_this_machine(owner)):
            continue
        raise RemovalRefused(claim.paths.root, reason, _way_out(owner))


def _way_out(owner: OwnerRecord) -> str:
    if not is_this_machine(owner):
        return f"see 'codexlab reap' on {owner.host}, or delete it all the same with --force"
    who = "" if owner.uid == os.getuid() else f" as user id {owner.uid}"
    return f"see 'codexlab reap'{who}"


def check_findings(claim: Claim, force: bool, *, movable: bool) -> None:
    """Refuse what has findings; ``movable`` transcripts can still be saved."""
    used = used_below(claim.paths, read_uses(claim.state_dir))
    _hold_what_is_used(claim, used, force=force)
    if force:
        return
    found = (
        *(told(claim.paths, use) for use in used),
        *findings(claim.paths, claim.read_provenance()),
    )
    reasons = [line for line in found if not (movable and line.startswith(TRANSCRIPTS))]
    if reasons:
        advice = "--force deletes it all the same"
        raise RemovalRefused(claim.paths.root, ", ".join(reasons), advice)


def _hold_what_is_used(claim: Claim, used: Iterable[Use], *, force: bool) -> None:
    """Refuse while a run is in a directory below; with force hold all, so that none comes."""
    for use in used:
        if use.identity is not None and (use.held or force) and os.path.isdir(use.path):
            last = claim.claim_directory(Path(use.path))
            _refuse_survivors(claim, () if last is None else (last,), force=force)
        elif use.held:
            raise WorkspaceBusy(Path(use.path), use.holder)
