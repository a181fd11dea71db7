"""A workdir prepared as a launch prepares it."""

from __future__ import annotations

from pathlib import Path

from codexlab.workspace.claim.claim import Claim
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.workdir.plan import choose_workdir
from codexlab.workspace.workdir.prepare import Workdir, prepare_workdir


def prepare(claim: Claim, start: Path, **flags: object) -> Workdir:
    """Choose and prepare the workdir of a launch from ``start``."""
    plan = choose_workdir(inspect_checkout(start), claim.paths, **flags)  # type: ignore[arg-type]
    return prepare_workdir(claim, plan)
