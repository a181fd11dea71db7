"""Whether the hook ``after_create`` is still owed to the directory a workspace uses.

Invariant: the debt is in the very write of ``workspace.json`` that first names the directory.
It is struck off only after the hook has ended well there. So whatever is killed in between, the
next launch runs the hook again. The hook runs at least once, and never in a directory that the
workspace had before there was such a hook.
"""

from __future__ import annotations

import os

from ...kernel.files.regular_file import read_regular
from ...kernel.values import replace
from ..claim.claim import Claim
from ..owner import DamagedRecord
from ..paths import WorkspacePaths
from ..records.provenance import parse_provenance
from .plan import WorkdirPlan


def owes_after_create(paths: WorkspacePaths, plan: WorkdirPlan) -> bool:
    """Tell, reading only, whether a launch by this plan would owe the hook."""
    try:
        stored = parse_provenance(read_regular(paths.provenance))
        status = os.stat(plan.path)
    except (OSError, DamagedRecord):
        return True
    return stored.after_create_due or stored.inode != (status.st_dev, status.st_ino)


def note_after_create(claim: Claim) -> None:
    """Write down that the hook has ended well in the directory used last.

    :raises OperatorError: the filesystem refuses; the hook is still owed then.
    """
    claim.write_provenance(replace(claim.read_provenance(), after_create_due=False))
