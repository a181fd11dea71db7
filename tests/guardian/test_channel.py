"""Messages between guardian and supervisor are whole, of any size, and carry descriptors."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from codexlab.guardian.channel import Channel, open_channel_pair
from codexlab.guardian.codec import decode_request
from codexlab.guardian.protocol import Finish, ListChildren, SpawnSpec, StartSidecar, StopJob


@pytest.fixture
def pair() -> Iterator[tuple[Channel, Channel]]:
    one, other = open_channel_pair()
    yield one, other
    one.close()
    other.close()


def program(text: str) -> StartSidecar:
    return StartSidecar(SpawnSpec("/bin/true", ("true", text), {"TEXT": text}, "/"))


def three() -> list[int]:
    return [os.open(os.devnull, os.O_RDWR) for _ in range(3)]


@pytest.mark.parametrize("size", [0, 1, 32 * 1024, 32 * 1024 + 1, 3_000_000])
def test_a_message_of_any_size_arrives_whole(pair: tuple[Channel, Channel], size: int) -> None:
    sent = three()
    pair[0].send(program("a" * size), sent)
    received = pair[1].receive(decode_request)
    assert received is not None
    assert received[0] == program("a" * size)
    assert len(received[1]) == 3
    for fd in (*sent, *received[1]):
        os.close(fd)


def test_a_name_that_is_no_utf8_survives(pair: tuple[Channel, Channel]) -> None:
    sent = three()
    pair[0].send(program(os.fsdecode(b"caf\xe9")), sent)
    received = pair[1].receive(decode_request)
    assert received is not None
    assert isinstance(received[0], StartSidecar)
    assert os.fsencode(received[0].program.argv[1]) == b"caf\xe9"
    for fd in (*sent, *received[1]):
        os.close(fd)


@pytest.mark.parametrize("size", [1, 100_000])
def test_descriptors_arrive_in_order_and_close_on_exec(
    pair: tuple[Channel, Channel], size: int
) -> None:
    read, write = os.pipe()
    pair[0].send(program("a" * size), [read, write, write])
    received = pair[1].receive(decode_request)
    assert received is not None
    theirs = received[1]
    os.write(theirs[1], b"through")
    assert os.read(theirs[0], 10) == b"through"
    assert not any(map(os.get_inheritable, theirs))
    for fd in (read, write, *theirs):
        os.close(fd)


def test_the_death_of_the_peer_reads_as_the_end(pair: tuple[Channel, Channel]) -> None:
    pair[0].send(Finish(1))
    pair[0].close()
    assert pair[1].receive(decode_request) == (Finish(1), [])
    assert pair[1].receive(decode_request) is None
    with pytest.raises(BrokenPipeError):
        pair[1].send(ListChildren())


def test_the_last_word_of_a_peer_that_did_not_hear_all_arrives(
    pair: tuple[Channel, Channel],
) -> None:
    pair[0].send(Finish(3))
    pair[1].send(StopJob())
    pair[0].close()
    assert pair[1].receive(decode_request) == (Finish(3), [])
    assert pair[1].receive(decode_request) is None
