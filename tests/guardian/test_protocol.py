"""A message is read only as what its sender can have meant; anything else is one clean error."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, get_args

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.processes.guarded import run_guarded_script

from codexlab.guardian import codec, protocol
from codexlab.guardian.channel import Channel
from codexlab.guardian.codec import MessageError, encode
from codexlab.kernel.errors import InternalError
from codexlab.supervisor.guardian_client.link import GuardianLink
from codexlab.supervisor.guardian_client.notifications import Notifications

Decode = Callable[[bytes, int], Any]
FAMILIES: dict[Decode, tuple[type, ...]] = {
    codec.decode_request: get_args(protocol.Request),
    codec.decode_answer: get_args(protocol.Answer),
    codec.decode_monitor: get_args(protocol.MonitorMessage),
    codec.decode_order: (protocol.ForkGuardian,),
    codec.decode_forked: get_args(protocol.ForkAnswer),
}
DECODERS = sorted(FAMILIES, key=lambda each: each.__name__)
NAMES = sorted(kind.__name__ for kind in get_args(protocol.Message))
NUMBER = st.integers(-(2**63), 2**63)
# File names come as texts with lone surrogates, as os.fsdecode makes them.
TEXT = st.binary(max_size=20).map(os.fsdecode)
SPEC = st.builds(
    protocol.SpawnSpec,
    path=TEXT,
    argv=st.lists(TEXT, max_size=3).map(tuple),
    environment=st.dictionaries(TEXT, TEXT, max_size=3),
    cwd=TEXT,
    leaf=st.none() | TEXT,
    nice=NUMBER,
)
CONTENTS: dict[str, st.SearchStrategy[Any]] = {
    "int": NUMBER,
    "str": TEXT,
    "bool": st.booleans(),
    "float": st.floats(allow_nan=False),
    "Signum": st.integers(1, 64),
    "SpawnStep": st.sampled_from(protocol.SpawnStep),
    "SpawnSpec": SPEC,
    "tuple[int, ...]": st.lists(NUMBER, max_size=3).map(tuple),
    "int | None": st.none() | NUMBER,
    "str | None": st.none() | TEXT,
    "tuple[int, int] | None": st.none() | st.tuples(NUMBER, NUMBER),
}
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | st.floats() | st.text(max_size=5) | st.sampled_from(NAMES),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


def beside(message: object) -> int:
    """Return how many descriptors a message comes with."""
    return max(codec._DESCRIPTORS.get(message.__class__.__name__, range(1)))


def any_message(kinds: tuple[type, ...]) -> st.SearchStrategy[Any]:
    return st.one_of(
        *(
            st.builds(kind, **{each.name: CONTENTS[str(each.type)] for each in fields(kind)})
            for kind in kinds
        )
    )


@pytest.mark.parametrize("decode", DECODERS, ids=lambda each: each.__name__)
@given(data=st.data())
def test_what_is_encoded_is_decoded_as_the_same_value(decode: Decode, data: Any) -> None:
    message = data.draw(any_message(FAMILIES[decode]))
    assert decode(encode(message), beside(message)) == message


@pytest.mark.parametrize("decode", DECODERS, ids=lambda each: each.__name__)
@given(data=st.binary(max_size=200), descriptors=st.integers(0, 20))
def test_random_bytes_are_a_clean_error(decode: Decode, data: bytes, descriptors: int) -> None:
    with pytest.raises(MessageError):
        decode(data, descriptors)


@pytest.mark.parametrize("decode", DECODERS, ids=lambda each: each.__name__)
@given(data=st.data())
def test_a_truncated_message_is_a_clean_error(decode: Decode, data: Any) -> None:
    message = data.draw(any_message(FAMILIES[decode]))
    whole = encode(message)
    with pytest.raises(MessageError):
        decode(whole[: data.draw(st.integers(0, len(whole) - 1))], beside(message))


@pytest.mark.parametrize("decode", DECODERS, ids=lambda each: each.__name__)
@given(words=st.lists(JSON, max_size=9), name=st.sampled_from(NAMES))
def test_wrong_types_and_counts_are_a_clean_error_or_a_whole_message(
    decode: Decode, words: list[object], name: str
) -> None:
    try:
        message = decode(json.dumps([name, *words]).encode(), 0)
    except MessageError:
        return
    assert decode(encode(message), 0) == message or message != message


@pytest.mark.parametrize("decode", DECODERS, ids=lambda each: each.__name__)
def test_nesting_without_end_is_a_clean_error(decode: Decode) -> None:
    with pytest.raises(MessageError):
        decode(b"[" * 100_000, 0)


@pytest.mark.parametrize("decode", DECODERS, ids=lambda each: each.__name__)
def test_a_message_for_somebody_else_is_an_error_that_names_it(decode: Decode) -> None:
    for kind in set(get_args(protocol.Message)) - set(FAMILIES[decode]):
        with pytest.raises(MessageError, match=f"'{kind.__name__}' is unknown here"):
            decode(json.dumps([kind.__name__]).encode(), 0)


WRONG: list[tuple[object, int, str]] = [
    (["Finish", "0"], 0, r"Finish\.status is '0'; expected int"),
    (["Finish", True], 0, r"Finish\.status is True; expected int"),
    (["Finish"], 0, "Finish does not have its 1 fields"),
    (["ReportSignal", 65], 0, r"ReportSignal\.signum is 65; expected Signum"),
    (["ReportSignal", 0], 0, r"ReportSignal\.signum is 0; expected Signum"),
    (["StopJob"], 0, "StopJob came with 0 descriptors"),
    (["StartSidecar", ["/", [1], {}, "/", None, 0, ""]], 3, r"SpawnSpec\.argv is \[1\]; expected"),
    (["StartSidecar", None], 3, "SpawnSpec does not have its 7 fields"),
    (["Shutdown"], 0, "'Shutdown' is unknown here; expected one of RunHandover, Spawn"),
    ([["Finish"], 0], 0, "is unknown here"),
    ({}, 0, "names no message"),
]


@pytest.mark.parametrize(("sent", "descriptors", "said"), WRONG)
def test_the_error_says_what_is_wrong(sent: object, descriptors: int, said: str) -> None:
    with pytest.raises(MessageError, match=said):
        codec.decode_request(json.dumps(sent).encode(), descriptors)


def test_a_guardian_that_is_asked_for_the_unknown_names_it_and_ends_with_125(
    clean_environ: Mapping[str, str],
) -> None:
    body = """
    channel._sock.send(b'i["Shutdown"]')
    assert channel.receive(decode_answer) is None
    """
    status, _, said = run_guarded_script(body, clean_environ)
    assert status in (1, 125)
    assert "'Shutdown' is unknown here" in said


@pytest.mark.trio
@pytest.mark.parametrize("sent", [b'i["Finish", 0]', b"i[", b"m", b"?", b'i["Signalled", 99]'])
async def test_a_supervisor_that_is_told_the_unknown_says_so_and_does_not_take_it_for_a_loss(
    sent: bytes,
) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    link = GuardianLink(Channel(ours))
    theirs.send(sent)
    with anyio.fail_after(30), pytest.raises(MessageError):
        await link.listen()
    assert not link.lost
    link.close()
    theirs.close()


@pytest.mark.trio
async def test_the_guardians_notifications_have_one_reader_at_a_time() -> None:
    notifications = Notifications()
    with notifications.reader(), pytest.raises(InternalError, match="have a reader already"):
        notifications.reader().__enter__()
    with notifications.reader() as reader:
        notifications.put(protocol.Signalled(1))
        assert await anext(reader) == protocol.Signalled(1)
    notifications.close()
