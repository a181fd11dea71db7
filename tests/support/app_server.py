"""Drive codex's app-server: threads that are begun, forked and resumed by JSON-RPC."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .model_wire import Json
from .real_codex import Codex

_CLIENT = {"name": "codexlab_tests", "title": None, "version": "1"}


class AppServer:
    """One app-server and its client; made by :func:`app_server`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._calls = 0
        self._call("initialize", clientInfo=_CLIENT, capabilities={"experimentalApi": True})
        self._send({"method": "initialized"})

    def start(self, cwd: Path, history: str) -> str:
        """Begin a thread; ``history`` is legacy or paginated. Returns its id."""
        return self._thread("start", cwd=str(cwd), historyMode=history)

    def fork(self, thread: str) -> str:
        """Fork a thread at its end and return the fork's id."""
        return self._thread("fork", threadId=thread, excludeTurns=True)

    def resume(self, thread: str) -> str:
        """Load a thread again."""
        return self._thread("resume", threadId=thread, excludeTurns=True)

    def turn(self, thread: str, text: str, *, image: Path | None = None) -> None:
        """Say something, perhaps with a picture, and wait until the agent has answered."""
        parts = [{"type": "text", "text": text}]
        if image is not None:
            parts.append({"type": "localImage", "path": str(image)})
        self._call("turn/start", threadId=thread, input=parts)
        while (message := self._receive()).get("method") != "turn/completed":
            pass
        assert message["params"]["turn"]["status"] == "completed", message

    def _thread(self, verb: str, **params: object) -> str:
        return str(self._call(f"thread/{verb}", **params)["thread"]["id"])

    def _call(self, method: str, **params: object) -> dict[str, Any]:
        self._calls += 1
        self._send({"id": self._calls, "method": method, "params": params})
        while True:
            message = self._receive()
            if message.get("id") == self._calls and "method" not in message:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result

    def _send(self, message: Json) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        message: dict[str, Any] = json.loads(self._process.stdout.readline())
        return message


@contextmanager
def app_server(codex: Codex, environ: Mapping[str, str], cwd: Path) -> Generator[AppServer]:
    """Run an app-server; it unloads its threads and ends with the block."""
    with subprocess.Popen(
        [codex.native, "app-server"],
        env=environ,
        cwd=cwd,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield AppServer(process)
            assert process.stdin is not None
            process.stdin.close()
            process.wait(60)
        except BaseException:
            process.kill()
            raise
