"""A program that embeds codexlab, with ``codexlab-run``'s arguments: the adversaries' other stage.

TERM is the host's own to handle: it asks for the end of the run, as a daemon would.
"""

from __future__ import annotations

import os
import signal
import sys

import anyio

from codexlab.cli.launch.flags import Invocation, read_invocation
from codexlab.supervisor import Run, RunOutcome, open_run


async def carry_out(invocation: Invocation) -> RunOutcome:
    """Run it to its end, with output on our own stdout and stderr."""
    async with (
        open_run(invocation.request, stdout=1, stderr=2) as run,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(_stop_on_term, run)
        await run.outcome()
        tasks.cancel_scope.cancel()
    sys.stderr.writelines(f"{line}\n" for line in run.messages)
    return await run.outcome()


async def _stop_on_term(run: Run) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            run.stop()


def main() -> int:
    """Return the exit status of ``codexlab-run``."""
    invocation = read_invocation(sys.argv[1:], dict(os.environ))
    assert isinstance(invocation, Invocation)
    return anyio.run(carry_out, invocation, backend="trio").status


if __name__ == "__main__":
    sys.exit(main())
