"""Messages between guardian and supervisor are whole, of any size, and carry descriptors."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from codexlab.guardian.channel import Channel, open_channel_pair


@pytest.fixture
def pair() -> Iterator[tuple[Channel, Channel]]:
    one, other = open_channel_pair()
    yield one, other
    one.close()
    other.close()


@pytest.mark.parametrize("size", [0, 1, 32 * 1024, 32 * 1024 + 1, 3_000_000])
def test_a_message_of_any_size_arrives_whole(pair: tuple[Channel, Channel], size: int) -> None:
    pair[0].send({"op": "x", "data": "a" * size})
    assert pair[1].receive() == ({"op": "x", "data": "a" * size}, [])


def test_a_name_that_is_no_utf8_survives(pair: tuple[Channel, Channel]) -> None:
    name = os.fsdecode(b"caf\xe9")
    pair[0].send({"op": "x", "name": name})
    received = pair[1].receive()
    assert received is not None
    assert os.fsencode(received[0]["name"]) == b"caf\xe9"


@pytest.mark.parametrize("size", [1, 100_000])
def test_descriptors_arrive_in_order_and_close_on_exec(
    pair: tuple[Channel, Channel], size: int
) -> None:
    read, write = os.pipe()
    pair[0].send({"op": "x", "data": "a" * size}, [read, write])
    received = pair[1].receive()
    assert received is not None
    theirs = received[1]
    os.write(theirs[1], b"through")
    assert os.read(theirs[0], 10) == b"through"
    assert not any(map(os.get_inheritable, theirs))
    for fd in (read, write, *theirs):
        os.close(fd)


def test_the_death_of_the_peer_reads_as_the_end(pair: tuple[Channel, Channel]) -> None:
    pair[0].send({"op": "last"})
    pair[0].close()
    assert pair[1].receive() == ({"op": "last"}, [])
    assert pair[1].receive() is None
    with pytest.raises(BrokenPipeError):
        pair[1].send({"op": "x"})


def test_the_last_word_of_a_peer_that_did_not_hear_all_arrives(
    pair: tuple[Channel, Channel],
) -> None:
    pair[0].send({"op": "finish", "status": 3})
    pair[1].send({"event": "signal"})
    pair[0].close()
    assert pair[1].receive() == ({"op": "finish", "status": 3}, [])
    assert pair[1].receive() is None
