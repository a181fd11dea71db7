"""Read codex's app-server protocol: which thread begins, and in which one a turn does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import cast

from .forms import StreamNews

_NOTHING = StreamNews()
_STARTED = b'{"method":"thread/started"'
_TURN = b'{"method":"turn/started"'
_MODES = ("exec", "e", "review", "app-server")


def speaks_app_server(command: Sequence[str], agent: str) -> bool:
    """Tell whether the command is codex's app-server, whose stdout is a protocol."""
    mode = next((word for word in command[1:] if word in _MODES), None)
    return agent == "codex" and mode == "app-server"


def read_app_server_line(line: bytes) -> StreamNews:
    """Read one message; only notices that name a thread tell anything.

    They begin like this in codex 0.135 to 0.171; of another spelling nothing is
    learnt here, and the thread is found by the rollout that codex holds open.
    """
    if not line.startswith((_STARTED, _TURN)):
        return _NOTHING
    try:
        params = _object(_object(json.loads(line)).get("params"))
    except (ValueError, RecursionError):
        return _NOTHING
    name = _object(params.get("thread")).get("id", params.get("threadId"))
    return StreamNews(name if isinstance(name, str) else None)


def _object(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}
