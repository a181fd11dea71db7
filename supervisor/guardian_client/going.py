"""A guardian that somebody stopped, while the end of its run waits for it.

It alone collects the agent and says that it has no child left. Whoever stopped the job, the
end of the run goes before that: nothing of it would be left to watch.
"""

from __future__ import annotations

import anyio

from ...kernel.process.identity import ProcessIdentity
from ...kernel.process.procfs import continue_stopped

_LOOK_AGAIN = 0.5


async def keep_going(guardian: ProcessIdentity | None) -> None:
    """Continue the guardian whenever it is found stopped, until cancelled."""
    while guardian is not None:
        continue_stopped(guardian)
        await anyio.sleep(_LOOK_AGAIN)
