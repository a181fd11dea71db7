"""Drive codex's app-server: threads that are begun, forked and resumed by JSON-RPC."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..model.codex_responses import Json
from .codex import Codex

_CLIENT = {"name": "codexlab_tests", "title": None, "version": "1"}


class AppServer:
    """One app-server and its client; made by :func:`app_server`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._calls = 0
        self._call("initialize", clientInfo=_CLIENT, capabilities={"experimentalApi": True})
        self._send({"method": "initialized"})

    def start(self, cwd: Path, history: str | None) -> str:
        """Begin a thread; ``history`` is legacy or paginated, None for codex before 0.150.

        :returns: its id.
        """
        mode = {} if history is None else {"historyMode": history}
        return self._thread("start", cwd=str(cwd), **mode)

    def fork(self, thread: str) -> str:
        """Fork a thread at its end and return the fork's id."""
        return self._thread("fork", threadId=thread, excludeTurns=True)

    def resume(self, thread: str) -> str:
        """Load a thread again."""
        return self._thread("resume", threadId=thread, excludeTurns=True)

    def hooks(self, cwd: Path) -> list[Json]:
        """Return the hooks that hold in a directory, with key, hash and trust."""
        hooks: list[Json] = self._call("hooks/list", cwds=[str(cwd)])["data"][0]["hooks"]
        return hooks

    def turn(self, thread: str, text: str, *, image: Path | None = None) -> None:
        """Say something, perhaps with a picture, and wait until the agent has answered."""
        parts = [{"type": "text", "text": text}]
        if image is not None:
            parts.append({"type": "localImage", "path": str(image)})
        self._call("turn/start", threadId=thread, input=parts)
        self._finish_turn()

    def shell(self, thread: str, command: str) -> None:
        """Run a command as the user does with ``!``, and wait until it has ended."""
        self._call("thread/shellCommand", threadId=thread, command=command)
        self._finish_turn()

    def turns(self, thread: str) -> list[str]:
        """Return the ids of a thread's turns, oldest first."""
        listed = self._call("thread/turns/list", threadId=thread)["data"]
        return [str(turn["id"]) for turn in reversed(listed)]

    def revert(self, thread: str, turn: str) -> None:
        """Go back to before a turn, as who edits its message does; the thread gets a new file."""
        self._call("thread/revert", threadId=thread, beforeTurnId=turn)

    def roll_back(self, thread: str, turns: int) -> None:
        """Take the last turns back, as codex did before 0.150: within the file."""
        self._call("thread/rollback", threadId=thread, numTurns=turns)

    def archive(self, thread: str) -> None:
        """Move a thread to the archived ones."""
        self._call("thread/archive", threadId=thread)

    def name(self, thread: str, name: str) -> None:
        """Give a thread a name."""
        self._call("thread/name/set", threadId=thread, name=name)

    def refuses(self, method: str, **params: object) -> str:
        """Return the message with which a call is refused.

        :raises LookupError: it was not.
        """
        try:
            self._call(method, **params)
        except AssertionError as error:
            return str(error)
        message = f"{method} was not refused"
        raise LookupError(message)

    def _finish_turn(self) -> None:
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
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
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
