"""What Claude Code sends to a model and what a model streams back, as plain data.

The shapes are those of the Messages API as Claude Code 2.1.332 uses it: one
``POST /v1/messages`` per step of a turn, answered by server-sent events.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from typing import cast

from .codex_responses import Json, ModelRequest, pieces

_BASH = "Bash"
_ADDED = ("<system-reminder>", "<command-", "<local-command", "Caveat: ")


class MessagesRequest(ModelRequest):
    """One request of Claude Code as the server received it."""

    @property
    def thread(self) -> str:
        """The session the request belongs to, or an empty string."""
        return self.headers.get("x-claude-code-session-id", "")

    @property
    def prompts(self) -> list[str]:
        """Every text a person sent in this session, oldest first, reminders left out."""
        return [text for part in self._parts("user") if (text := _typed(part))]

    @property
    def replies(self) -> list[str]:
        """Every text the model said earlier in this session, oldest first."""
        return [str(part["text"]) for part in self._parts("assistant") if part["type"] == "text"]

    @property
    def tool_outputs(self) -> list[str]:
        """Outputs of the tool calls made since the newest prompt, oldest first."""
        outputs: list[str] = []
        for part in self._parts("user"):
            if part["type"] == "tool_result":
                outputs.append(_output_of(part))
            elif _typed(part):
                outputs.clear()
        return outputs

    def _parts(self, role: str) -> Iterator[Json]:
        for message in cast("list[Json]", self.body.get("messages", [])):
            content = message.get("content", "")
            if message.get("role") != role:
                continue
            if isinstance(content, str):
                yield {"type": "text", "text": content}
            else:
                yield from cast("list[Json]", content)


def _typed(part: Json) -> str:
    text = str(part.get("text", ""))
    return "" if text.startswith(_ADDED) else text


def _output_of(part: Json) -> str:
    content = part.get("content", "")
    if isinstance(content, str):
        return content
    return "".join(str(each.get("text", "")) for each in cast("list[Json]", content))


class Messages:
    """How the Messages API shapes an answer."""

    @staticmethod
    def opening(number: int) -> Iterator[Json]:
        """Yield what opens the answer with this number."""
        message: Json = {"id": f"msg-{number}", "type": "message", "role": "assistant"}
        message |= {"model": "stub-model", "content": [], "stop_reason": None}
        message |= {"stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
        yield {"type": "message_start", "message": message}

    @staticmethod
    def said(text: str, number: int) -> Iterator[Json]:
        """Yield a message in pieces, and what closes the answer."""
        yield Messages.part("", number)
        for piece in pieces(text):
            yield Messages.part(piece, number)
        yield from _closing("end_turn")

    @staticmethod
    def part(text: str, number: int) -> Json:
        """Return a piece of a message; the empty one announces the message itself."""
        del number
        if text:
            return _delta({"type": "text_delta", "text": text})
        return _block({"type": "text", "text": ""})

    @staticmethod
    def called(
        command: str | Sequence[str], request: ModelRequest, number: int, wait_ms: int
    ) -> Iterator[Json]:
        """Yield the call of a command, and what closes the answer.

        :raises ValueError: no tool on offer runs commands.
        """
        if _BASH not in request.tools:
            message = f"claude offered no tool that runs commands, only: {', '.join(request.tools)}"
            raise ValueError(message)
        line = command if isinstance(command, str) else shlex.join(command)
        arguments: Json = {"command": line, "description": "scripted", "timeout": wait_ms}
        yield _block({"type": "tool_use", "id": f"toolu-{number}", "name": _BASH, "input": {}})
        yield _delta({"type": "input_json_delta", "partial_json": json.dumps(arguments)})
        yield from _closing("tool_use")

    @staticmethod
    def error(text: str, code: str) -> Json:
        """Return the body of a refusal."""
        kind = "rate_limit_error" if code == "rate_limit_exceeded" else "api_error"
        return {"type": "error", "error": {"type": kind, "message": text}}


def _block(block: Json) -> Json:
    return {"type": "content_block_start", "index": 0, "content_block": block}


def _delta(delta: Json) -> Json:
    return {"type": "content_block_delta", "index": 0, "delta": delta}


def _closing(reason: str) -> Iterator[Json]:
    yield {"type": "content_block_stop", "index": 0}
    delta = {"stop_reason": reason, "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 1}}
    yield {"type": "message_stop"}
