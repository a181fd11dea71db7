"""Take the claim on an issue and on its directory, or wait for both as long as was asked for.

Invariant: while one of the two is waited for, the other is free. So a launch that waits for a
directory keeps nobody from its issue, and two launches cannot wait for each other.
"""

from __future__ import annotations

import os
import stat

import anyio

from ...kernel.errands.errand import LongWait
from ...kernel.process.identity import boot_id, read_stat
from ...workspace.claim.claim import Claim, claim_workspace
from ...workspace.errors import WorkspaceBusy
from ...workspace.owner import OwnerRecord
from ..callbacks import Tell
from ..errors import HeldByCaller
from ..plan import Plan
from .cancellation import finish_in_thread

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


async def claim_with_patience(plan: Plan, tell: Tell) -> Claim:
    """Claim the workspace, and the directory where that is there already.

    As long as the request says it waits while one of them is busy.

    :param tell: takes one line for a person, once the wait has become long.
    :raises WorkspaceBusy: one of them still is.
    :raises HeldByCaller: this launch was started from within the run that holds it.

    Fairness among waiters is not promised.
    """
    deadline = anyio.current_time() + plan.patience()
    pause, long = _FIRST_PAUSE, LongWait()
    while True:
        try:
            return await finish_in_thread(_claim, plan)
        except WorkspaceBusy as error:
            if error.holder is not None and _was_started_within(error.holder):
                raise HeldByCaller(error.path, error.holder.run_id) from None
            left = deadline - anyio.current_time()
            if left <= 0:
                advice = _advice(plan.patience())
                raise WorkspaceBusy(error.path, error.holder, advice) from None
            if long.is_due():
                tell(f"waiting: {error.path} is {error.reason}; an interrupt ends the wait")
        await anyio.sleep(min(pause, left))
        pause = min(pause * 2, _LONGEST_PAUSE)


def _advice(waited: float) -> str:
    if waited > 0:
        return f"still busy after {waited:g}s; wait longer"
    return "wait with --wait"


def _claim(plan: Plan) -> Claim:
    claim = claim_workspace(plan.paths, plan.key)
    try:
        if _is_there(plan):
            claim.claim_directory(plan.workdir.path)
    except BaseException:
        claim.release()
        raise
    return claim


def _is_there(plan: Plan) -> bool:
    """Tell whether the directory exists; what lies in the place of one of ours is refused later."""
    try:
        return stat.S_ISDIR(os.lstat(plan.workdir.path).st_mode)
    except FileNotFoundError:
        return False


def _was_started_within(holder: OwnerRecord) -> bool:
    """Tell whether a run's guardian is an ancestor of this process: it cannot end before us."""
    if holder.boot_id != boot_id():
        return False
    pid = os.getpid()
    while (found := read_stat(pid)) is not None and pid != found.parent:
        if (pid, found.start_time) == (holder.pid, holder.start_time):
            return True
        pid = found.parent
    return False
