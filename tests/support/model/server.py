"""A scripted model for codex and claude: the front for tests, and a command for the demo.

In a test::

    with ModelServer([write_file("a.txt", "hello"), say("done")]) as server:
        write_codex_config(home, server.url)

As a command (used by the demo; any Python, nothing to install)::

    python tests/support/model/server.py --script demo --port-file FILE --lifetime 120

It writes its port to FILE in one step and ends with its parent, on SIGTERM or
after its lifetime, whichever comes first.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":  # as a command, `support` is not yet on the path
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from support.model.codex_responses import Json, ModelRequest
from support.model.demo import demo_script
from support.model.loopback import ModelServer
from support.model.turns import (
    Exchange,
    Gate,
    Script,
    Turn,
    by_prompt,
    drop_connection,
    fail,
    hold,
    in_order,
    rate_limited,
    run_command,
    say,
    slow,
    write_file,
)

__all__ = [
    "Exchange",
    "Gate",
    "Json",
    "ModelFactory",
    "ModelRequest",
    "ModelServer",
    "Script",
    "Turn",
    "by_prompt",
    "drop_connection",
    "fail",
    "hold",
    "in_order",
    "rate_limited",
    "run_command",
    "say",
    "slow",
    "write_file",
]

ModelFactory = Callable[[Script], ModelServer]
"""What the fixture ``model`` is: it starts a server that ends with the test."""

_SCRIPTS = {"demo": demo_script}


def main(arguments: list[str] | None = None) -> int:
    """Serve one of the named scripts until the parent dies or the lifetime ends."""
    parser = argparse.ArgumentParser(description="Play a scripted model to codex on loopback.")
    parser.add_argument("--script", choices=sorted(_SCRIPTS), required=True)
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--lifetime", type=float, default=120.0, metavar="SECONDS")
    options = parser.parse_args(arguments)
    with ModelServer(_SCRIPTS[options.script](), lifetime=options.lifetime) as server:
        _end_with_parent(server)
        signal.signal(signal.SIGTERM, lambda _signum, _frame: server.stop())
        _publish(options.port_file, f"{server.port}\n")
        server.wait_closed()
    return 0


def _end_with_parent(server: ModelServer) -> None:
    parent = os.pidfd_open(os.getppid())

    def watch() -> None:
        select.select([parent], [], [])
        server.stop()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _publish(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text)
    partial.replace(path)


if __name__ == "__main__":
    sys.exit(main())
