"""Write messages as bytes, and read them back with every name, count and type checked.

JSON, because reading it makes plain values only, whatever the bytes are, and the guardian
has it loaded anyhow. The escapes of JSON carry file names that are no UTF-8.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, cast, get_args

from ..kernel.errors import InternalError
from .protocol import (
    Answer,
    ForkAnswer,
    ForkGuardian,
    Message,
    MonitorMessage,
    Request,
    SpawnFailed,
    SpawnSpec,
    SpawnStep,
)

_HIGHEST_SIGNAL = 64
# How many descriptors travel beside a message; the others come alone.
_DESCRIPTORS: Mapping[str, range] = {
    "RunHandover": range(17),
    "Spawn": range(3, 4),
    "StartSidecar": range(3, 4),
    "KeepTerminal": range(1, 2),
    "StopJob": range(1, 2),
    "Spawned": range(2),
    "ForkGuardian": range(1, 2),
}


class MessageError(InternalError):
    """A process of the run was sent what is no message to it."""

    def __init__(self, why: str) -> None:
        super().__init__(f"a message between the processes of a run is wrong: {why}")


def unexpected(message: Message) -> MessageError:
    """Return the error for a message that is well formed and has no place here."""
    return MessageError(f"{type(message).__name__} was not expected now")


def encode(message: Message) -> bytes:
    """Return a message as bytes.

    :raises TypeError: a field holds what its annotation does not allow.
    """
    return json.dumps(
        [type(message).__name__, *_contents_of(message)], default=_contents_of
    ).encode()


def _contents_of(value: Any) -> list[Any]:
    if not hasattr(value, "__match_args__"):
        raise TypeError(f"a {type(value).__name__} cannot be sent")
    return [getattr(value, name) for name in value.__match_args__]


def decode_request(data: bytes, descriptors: int) -> Request:
    """Read what a guardian may be asked.

    :param descriptors: how many came beside it.
    :raises MessageError: it is malformed, or no request.
    """
    return cast("Request", _decode(data, descriptors, _REQUESTS))


def decode_answer(data: bytes, descriptors: int) -> Answer:
    """Read what a guardian replies or tells; otherwise like :func:`decode_request`."""
    return cast("Answer", _decode(data, descriptors, _ANSWERS))


def decode_monitor(data: bytes, descriptors: int) -> MonitorMessage:
    """Read what the monitor of a terminal tells; otherwise like :func:`decode_request`."""
    return cast("MonitorMessage", _decode(data, descriptors, _OF_MONITOR))


def decode_order(data: bytes, descriptors: int) -> ForkGuardian:
    """Read what a fork server may be asked; otherwise like :func:`decode_request`."""
    return cast("ForkGuardian", _decode(data, descriptors, _ORDERS))


def decode_forked(data: bytes, descriptors: int) -> ForkAnswer:
    """Read what a fork server answers; otherwise like :func:`decode_request`."""
    return cast("ForkAnswer", _decode(data, descriptors, _FORKED))


def decode_failure(data: bytes) -> SpawnFailed:
    """Read what a child says of its way to exec; otherwise like :func:`decode_request`."""
    return cast("SpawnFailed", _decode(data, 0, _FAILURES))


def _decode(data: bytes, descriptors: int, family: Mapping[str, type]) -> object:
    try:
        words: object = json.loads(data)
    except (ValueError, RecursionError):
        raise MessageError(f"{data[:60]!r} is not JSON") from None
    if not isinstance(words, list) or not words:
        raise MessageError(f"{data[:60]!r} names no message")
    name, *contents = cast("list[object]", words)
    made = family.get(name) if isinstance(name, str) else None
    if made is None:
        expected = ", ".join(family)
        raise MessageError(f"{str(name)[:60]!r} is unknown here; expected one of {expected}")
    if descriptors not in _DESCRIPTORS.get(made.__name__, range(1)):
        raise MessageError(f"{name} came with {descriptors} descriptors")
    return _make(made, contents)


def _make(made: type, contents: object) -> object:
    expected: Mapping[str, str] = made.__annotations__
    if not isinstance(contents, list) or len(cast("list[object]", contents)) != len(expected):
        raise MessageError(f"{made.__name__} does not have its {len(expected)} fields")
    values: list[object] = []
    for (name, kind), content in zip(expected.items(), cast("list[object]", contents), strict=True):
        try:
            values.append(_READERS[kind](content))
        except ValueError:
            shown = repr(content)[:60]
            what = f"{made.__name__}.{name} is {shown}; expected {kind}"
            raise MessageError(what) from None
    return made(*values)


def _exactly(*kinds: type) -> Callable[[object], object]:
    def read(content: object) -> object:
        # By its very type: True is no number here.
        if type(content) not in kinds:
            raise ValueError
        return content

    return read


def _sequence_of(kind: type, length: int | None = None) -> Callable[[object], object]:
    def read(content: object) -> object:
        items = cast("list[object]", content) if isinstance(content, list) else [None]
        if any(type(item) is not kind for item in items) or length not in (None, len(items)):
            raise ValueError
        return tuple(items)

    return read


def _read_texts(content: object) -> object:
    if not isinstance(content, dict):
        raise ValueError  # noqa: TRY004
    texts = cast("dict[str, object]", content)
    if any(type(text) is not str for text in texts.values()):
        raise ValueError
    return texts


def _read_signum(content: object) -> object:
    if type(content) is not int or not 0 < content <= _HIGHEST_SIGNAL:
        raise ValueError
    return content


def _read_step(content: object) -> object:
    return SpawnStep(cast("str", content))


def _optional(read: Callable[[object], object]) -> Callable[[object], object]:
    return lambda content: None if content is None else read(content)


# A field is read by what its annotation says.
_READERS: Mapping[str, Callable[[object], object]] = {
    "int": _exactly(int),
    "str": _exactly(str),
    "bool": _exactly(bool),
    "float": _exactly(float, int),
    "Signum": _read_signum,
    "SpawnStep": _read_step,
    "SpawnSpec": lambda content: _make(SpawnSpec, content),
    "dict[str, str]": _read_texts,
    "tuple[int, ...]": _sequence_of(int),
    "tuple[str, ...]": _sequence_of(str),
    "int | None": _optional(_exactly(int)),
    "str | None": _optional(_exactly(str)),
    "tuple[int, int] | None": _optional(_sequence_of(int, 2)),
}


def _named(kinds: tuple[type, ...]) -> dict[str, type]:
    return {kind.__name__: kind for kind in kinds}


_REQUESTS, _ANSWERS = _named(get_args(Request)), _named(get_args(Answer))
_OF_MONITOR, _FORKED = _named(get_args(MonitorMessage)), _named(get_args(ForkAnswer))
_ORDERS, _FAILURES = _named((ForkGuardian,)), _named((SpawnFailed,))
