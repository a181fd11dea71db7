"""Take the claim, or wait for it as long as was asked for."""

from __future__ import annotations

import math

import anyio

from ..workspace import Claim, WorkspaceBusy, WorkspaceKey, WorkspacePaths, claim_workspace
from ._cancelling import finish_in_thread

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


async def claim_with_patience(
    paths: WorkspacePaths, key: WorkspaceKey, patience: float | None
) -> Claim:
    """Claim a workspace.

    :param patience: seconds to wait while it is busy; None waits for ever.
    :raises WorkspaceBusy: it still is.

    Fairness among waiters is not promised.
    """
    deadline = anyio.current_time() + (math.inf if patience is None else patience)
    pause = _FIRST_PAUSE
    while True:
        try:
            return await finish_in_thread(claim_workspace, paths, key)
        except WorkspaceBusy:
            left = deadline - anyio.current_time()
            if left <= 0:
                raise
        await anyio.sleep(min(pause, left))
        pause = min(pause * 2, _LONGEST_PAUSE)
