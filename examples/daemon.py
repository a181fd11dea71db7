"""A small daemon that runs agents from inside its own process.

It reads one task a line from stdin, as JSON, and writes one outcome a line:

    {"issue": "123", "command": ["codex", "exec", "{resume}", "fix it"]}
    {"issue": "123", "status": 0, "reason": "exited", "outcome": "completed", "left": 0}

Tasks run at the same time, at most ``AT_ONCE`` of them; two on one issue one after
the other. Ctrl-C ends every run by the ladder and says how each one ended.

    python examples/daemon.py < tasks.ndjson
    python examples/daemon.py --asyncio < tasks.ndjson
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import anyio

from codexlab.supervisor import LaunchRequest, RunOutcome, open_run

AT_ONCE = 4


def make_request(task: dict[str, Any]) -> LaunchRequest:
    """Build the request of one task, from the daemon's own environment."""
    home = Path.home()
    root = os.environ.get("CODEXLAB_WORKSPACES_ROOT") or home / "codexlab" / "workspaces"
    return LaunchRequest(
        issue=str(task["issue"]),
        command=tuple(task["command"]),
        environ=dict(os.environ),
        cwd=Path.cwd(),
        workspaces_root=Path(root),
        shared_home=Path(os.environ.get("CODEX_HOME") or home / ".codex"),
        stdin="null",
        # Wait for another task of this issue.
        wait=None,
    )


async def run_task(task: dict[str, Any], free: anyio.Semaphore) -> None:
    """Run one task and say how it ended."""
    async with free, open_run(make_request(task)) as run:
        async for event in run.events():
            if event["event"] == "child.spawned":
                print(f"issue {event['issue']}: pid {event['pid']}", file=sys.stderr)
        report(task, await run.outcome())


def report(task: dict[str, Any], outcome: RunOutcome) -> None:
    """Write one line of JSON."""
    record: dict[str, Any] = outcome.record or {}
    contained: dict[str, Any] = record.get("contained") or {}
    line = {
        "issue": str(task["issue"]),
        "status": outcome.status,
        "reason": outcome.reason,
        "outcome": record.get("agent_outcome"),
        "left": contained.get("left"),
        "error": outcome.error,
    }
    print(json.dumps(line), flush=True)


async def main() -> None:
    """Run every task; on INT or TERM let each run climb its ladder, then leave."""
    free = anyio.Semaphore(AT_ONCE)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stop_on_signal, tasks.cancel_scope)
        async with anyio.create_task_group() as work:
            async for line in anyio.wrap_file(sys.stdin):
                work.start_soon(run_task, json.loads(line), free)
        tasks.cancel_scope.cancel()


async def stop_on_signal(scope: anyio.CancelScope) -> None:
    """Cancel everything once the daemon is told to end."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()


if __name__ == "__main__":
    anyio.run(main, backend="asyncio" if "--asyncio" in sys.argv else "trio")
