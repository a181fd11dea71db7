"""What codex sends to a model and what a model streams back, as plain data.

The shapes are those of the OpenAI Responses API as codex 0.135 and 0.171 use
it: one ``POST /v1/responses`` per step of a turn, answered by server-sent
events. Everything here is pure; the standard library is enough, so that the
demo can run the server with any Python.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

Json = dict[str, Any]

_DELTA = 4096

# In order of preference: the tool through which each codex runs a command.
_EXEC, _SHELL_COMMAND, _SHELL = "exec_command", "shell_command", "shell"


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One request as the server received it.

    :param path: request target, such as ``/v1/responses``.
    :param headers: header fields, names in lower case.
    :param body: the decoded JSON body; empty for a request without one.
    """

    path: str
    headers: Mapping[str, str]
    body: Json

    @property
    def thread(self) -> str:
        """The codex thread the request belongs to, or an empty string."""
        return self.headers.get("thread-id") or str(self.body.get("prompt_cache_key", ""))

    @property
    def prompts(self) -> list[str]:
        """Every text a person sent in this thread, oldest first.

        What codex itself adds in the person's name (its ``<environment_context>``
        and the instructions of ``AGENTS.md``) is left out.
        """
        texts = [_text_of(item) for item in self._input() if item.get("role") == "user"]
        return [text for text in texts if not _is_added_by_codex(text)]

    @property
    def prompt(self) -> str:
        """The newest of :attr:`prompts`, or an empty string."""
        return next(reversed(self.prompts), "")

    @property
    def replies(self) -> list[str]:
        """Every text the model said earlier in this thread, oldest first."""
        return [_text_of(item) for item in self._input() if item.get("role") == "assistant"]

    @property
    def tools(self) -> list[str]:
        """Names of the tools on offer; a tool without a name is given by its type."""
        offered = cast("list[Json]", self.body.get("tools", []))
        return [str(tool.get("name") or tool.get("type")) for tool in offered]

    @property
    def tool_outputs(self) -> list[str]:
        """Outputs of the tool calls made since the newest prompt, oldest first."""
        outputs: list[str] = []
        for item in self._input():
            if str(item.get("type", "")).endswith("_call_output"):
                outputs.append(_output_of(item))
            elif item.get("role") == "user" and not _is_added_by_codex(_text_of(item)):
                outputs.clear()
        return outputs

    def _input(self) -> list[Json]:
        return cast("list[Json]", self.body.get("input", []))


def _text_of(item: Json) -> str:
    content = item.get("content", "")
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", "")) for part in cast("list[Json]", content))


def _output_of(item: Json) -> str:
    output = item.get("output", "")
    if isinstance(output, str):
        return output
    return "".join(str(part.get("text", "")) for part in cast("list[Json]", output))


def _is_added_by_codex(text: str) -> bool:
    return text.startswith(("<environment_context>", "<user_instructions>", "# AGENTS.md"))


def message(text: str, *, number: int) -> Json:
    """Build the item of a finished assistant message."""
    content = [{"type": "output_text", "text": text}]
    return {"type": "message", "role": "assistant", "id": f"msg-{number}", "content": content}


def command_call(
    command: str | Sequence[str], tools: Sequence[str], *, number: int, wait_ms: int
) -> Json:
    """Build the call that makes this codex run ``command``.

    :param command: a line for the shell, or an argument vector.
    :param tools: names of the tools codex offered; decides the form of the call.
    :param wait_ms: how long codex shall wait for the command before it reports back.
    :raises ValueError: codex offered no tool that runs commands.
    """
    line = command if isinstance(command, str) else shlex.join(command)
    argv = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
    if _EXEC in tools:
        arguments: Json = {"cmd": line, "login": False, "yield_time_ms": wait_ms}
        return function_call(_EXEC, arguments, number=number)
    if _SHELL_COMMAND in tools:
        arguments = {"command": line, "timeout_ms": wait_ms}
        return function_call(_SHELL_COMMAND, arguments, number=number)
    if _SHELL in tools:
        return function_call(_SHELL, {"command": argv, "timeout_ms": wait_ms}, number=number)
    if "local_shell" in tools:
        action: Json = {"type": "exec", "command": argv, "timeout_ms": wait_ms, "env": {}}
        call = {"type": "local_shell_call", "status": "completed", "action": action}
        return call | {"call_id": f"call-{number}", "id": f"shell-{number}"}
    message = f"codex offered no tool that runs commands, only: {', '.join(tools)}"
    raise ValueError(message)


def function_call(name: str, arguments: Json, *, number: int) -> Json:
    """Build the item that calls one of codex's function tools."""
    encoded = json.dumps(arguments)
    return {
        "type": "function_call",
        "id": f"item-{number}",
        "call_id": f"call-{number}",
        "name": name,
        "arguments": encoded,
    }


def created(number: int) -> Json:
    """Build the event that opens a response."""
    return {"type": "response.created", "response": {"id": f"resp-{number}"}}


def item_added(item: Json) -> Json:
    """Build the event that announces an item; codex takes no pieces of one it does not know."""
    return {"type": "response.output_item.added", "output_index": 0, "item": item}


def text_delta(text: str, *, number: int) -> Json:
    """Build the event that carries one piece of a message still being said."""
    return {"type": "response.output_text.delta", "item_id": f"msg-{number}", "delta": text}


def item_done(item: Json) -> Json:
    """Build the event that delivers one finished item."""
    return {"type": "response.output_item.done", "output_index": 0, "item": item}


def completed(number: int) -> Json:
    """Build the event that closes a response, with a usage codex accepts."""
    usage = {
        "input_tokens": 1,
        "input_tokens_details": None,
        "output_tokens": 1,
        "output_tokens_details": None,
        "total_tokens": 2,
    }
    return {"type": "response.completed", "response": {"id": f"resp-{number}", "usage": usage}}


def encode_event(event: Json) -> bytes:
    """Encode one event as ``text/event-stream`` sends it."""
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


class Responses:
    """How the Responses API shapes an answer."""

    @staticmethod
    def opening(number: int) -> Iterator[Json]:
        """Yield what opens the answer with this number."""
        yield created(number)

    @staticmethod
    def said(text: str, number: int) -> Iterator[Json]:
        """Yield a message in pieces, and what closes the answer."""
        yield item_added(message("", number=number))
        for piece in pieces(text):
            yield text_delta(piece, number=number)
        yield item_done(message(text, number=number))
        yield completed(number)

    @staticmethod
    def part(text: str, number: int) -> Json:
        """Return a piece of a message; the empty one announces the message itself."""
        return text_delta(text, number=number) if text else item_added(message("", number=number))

    @staticmethod
    def called(
        command: str | Sequence[str], request: ModelRequest, number: int, wait_ms: int
    ) -> Iterator[Json]:
        """Yield the call of a command, and what closes the answer.

        :raises ValueError: no tool on offer runs commands.
        """
        yield item_done(command_call(command, request.tools, number=number, wait_ms=wait_ms))
        yield completed(number)

    @staticmethod
    def error(text: str, code: str) -> Json:
        """Return the body of a refusal."""
        kind = "requests" if code == "rate_limit_exceeded" else "scripted"
        return {"error": {"message": text, "type": kind, "code": code}}


def pieces(text: str) -> Iterator[str]:
    """Cut a text as it is streamed."""
    size = max(_DELTA, len(text) // 64)
    return (text[start : start + size] for start in range(0, len(text), size))
