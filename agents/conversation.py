"""The words of an agent's JSON stream, as a person reads them: who said what, event by event."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from enum import StrEnum

from ..kernel.values import frozen


class SaidKind(StrEnum):
    """What a part of a conversation is."""

    PROMPT = "prompt"
    MESSAGE = "message"
    REASONING = "reasoning"
    COMMAND = "command"
    TOOL = "tool"
    RESULT = "result"
    NOTE = "note"
    ERROR = "error"


@frozen
class Said:
    """One part of a conversation.

    :param text: of any length, with any characters: nothing in it is trusted.
    :param name: of a tool; of a result, how it ended.
    """

    kind: SaidKind
    text: str
    name: str = ""


ReadSaid = Callable[[bytes], Sequence[Said] | None]
"""Return what a line of output says; None where it is no event of the agent."""


def compact(value: object) -> str:
    """Return a JSON value on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def tokens_used(usage: dict[str, object], cached: str) -> str:
    """Return how many tokens went in and out, as far as that is told.

    :param cached: the field of those that were read from a cache.
    """
    fields = (("input_tokens", "in"), (cached, "cached"), ("output_tokens", "out"))
    counts = [(usage.get(field), word) for field, word in fields]
    told = [f"{count:,} {word}" for count, word in counts if isinstance(count, int)]
    return f"tokens: {', '.join(told)}" if told else ""
