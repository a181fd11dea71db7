"""Run an agent that never ends, and say that it is up."""

import os
import sys
from pathlib import Path

import anyio

from codexlab.supervisor import LaunchRequest, open_run


async def main() -> None:
    here = Path(sys.argv[1])
    request = LaunchRequest(
        "1",
        ("sh", "-c", "setsid sleep 60 & sleep 60"),
        dict(os.environ),
        here,
        here / "ws",
        here / "shared",
        no_repo=True,
        stdin="null",
    )
    async with open_run(request) as run:
        async for event in run.events():
            if event["event"] == "child.spawned":
                print("up", flush=True)


anyio.run(main, backend="trio")
