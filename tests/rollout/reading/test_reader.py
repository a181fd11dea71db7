"""A snapshot of a rollout gives every line of either form, whatever is damaged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from support.rollout.files import frame, rollout_path, thread_id, write

from codexlab.rollout import (
    Line,
    LineFault,
    NoSuchRolloutError,
    RolloutForm,
    iter_lines,
    open_snapshot,
)

FORMS = pytest.mark.parametrize("compressed", [False, True])


def _rollout(home: Path, data: bytes, compressed: bool = False) -> Path:
    path = rollout_path(home, thread_id(1))
    write(path, data, compressed=compressed)
    return path


def _packed(home: Path, data: bytes) -> Path:
    """Bytes as they are, under the compressed name."""
    path = rollout_path(home, thread_id(1))
    write(path.with_name(path.name + ".zst"), data)
    return path


def _forward(path: Path, **options: int) -> list[Line]:
    with open_snapshot(path) as snapshot:
        return list(iter_lines(snapshot, **options))


@FORMS
def test_every_line_comes_with_number_offset_and_what_is_wrong(
    tmp_path: Path, compressed: bool
) -> None:
    data = b"\xef\xbb\xbf{}\r\n\n\xff\xfe\nlast"
    path = _rollout(tmp_path, data, compressed)
    forward = _forward(path)
    assert [(line.number, line.offset, line.data, line.fault) for line in forward] == [
        (1, 0, b"{}", LineFault.BYTE_ORDER_MARK),
        (2, 7, b"", LineFault.NONE),
        (3, 8, b"\xff\xfe", LineFault.INVALID_UTF8),
        (4, 11, b"last", LineFault.UNTERMINATED),
    ]


@FORMS
@pytest.mark.parametrize("distance", [-1, 0, 1])
@pytest.mark.parametrize("edge", [8 << 10, 64 << 10, 1 << 20])
def test_lines_across_chunk_edges_are_whole(
    tmp_path: Path, compressed: bool, distance: int, edge: int
) -> None:
    long = b"x" * (edge + distance)
    path = _rollout(tmp_path, b"first\n" + long + b"\r\nbad{\n" + long, compressed)
    forward = _forward(path)
    assert [line.data for line in forward] == [b"first", long, b"bad{", long]


@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(
        st.sampled_from([b"", b"a", b"\n", b"\r\n", b"\xff", b"\xef\xbb\xbf", b"long"])
    ),
    compressed=st.booleans(),
)
def test_anything_is_read_as_its_lines_at_their_offsets(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], compressed: bool
) -> None:
    path = _rollout(tmp_path_factory.mktemp("any"), b"".join(pieces), compressed)
    offset = 0
    for line, raw in zip(_forward(path), _plain(pieces), strict=True):
        assert line.offset == offset
        said = raw.removeprefix(b"\xef\xbb\xbf") if offset == 0 else raw
        assert line.data == said.removesuffix(b"\r")
        offset += len(raw) + 1


def _plain(pieces: list[bytes]) -> list[bytes]:
    *whole, rest = b"".join(pieces).split(b"\n")
    return [*whole, rest] if rest else whole


@FORMS
def test_a_line_beyond_the_limit_is_cut_and_the_next_is_whole(
    tmp_path: Path, compressed: bool
) -> None:
    path = _rollout(tmp_path, b"a\n" + b"0123456789" * 9 + b"\nb\n", compressed)
    forward = _forward(path, max_line_bytes=16)
    assert [line.data for line in forward] == [b"a", b"0123456789012345", b"b"]
    assert forward[1].fault is LineFault.TOO_LONG
    assert forward[2].offset == 93


@FORMS
def test_the_snapshot_stays_while_the_form_changes_and_a_writer_appends(
    tmp_path: Path, compressed: bool
) -> None:
    data = b"".join(b"line %d\n" % number for number in range(120_000))
    path = _rollout(tmp_path, data, compressed)
    with open_snapshot(path) as snapshot:
        reading = iter_lines(snapshot)
        read = [next(reading).data + b"\n"]
        if not compressed:
            with path.open("ab") as file:
                file.write(b"later\n")
        write(path, b"other\n", compressed=not compressed)
        os.unlink(snapshot.physical)
        read += [line.data + b"\n" for line in reading]
    assert b"".join(read) == data


def test_plain_wins_over_compressed_and_neither_is_an_error(tmp_path: Path) -> None:
    path = _rollout(tmp_path, b"plain\n")
    write(path, b"packed\n", compressed=True)
    assert [line.data for line in _forward(path)] == [b"plain"]
    path.unlink()
    with open_snapshot(str(path) + ".zst") as snapshot:
        assert (snapshot.path, snapshot.form) == (str(path), RolloutForm.COMPRESSED)
    path.with_name(path.name + ".zst").unlink()
    with pytest.raises(NoSuchRolloutError):
        open_snapshot(path)


@pytest.mark.parametrize("sized", [True, False])
@pytest.mark.parametrize("checksum", [True, False])
def test_sized_unsized_concatenated_and_skippable_frames_are_one_rollout(
    tmp_path: Path, sized: bool, checksum: bool
) -> None:
    skippable = (0x184D2A50).to_bytes(4, "little") + (5).to_bytes(4, "little") + b"hello"
    parts = [b"one\ntw", b"o\n", b"", b"three\n" * 100_000]
    data = skippable.join(frame(part, sized=sized, checksum=checksum) for part in parts)
    path = _packed(tmp_path, data)
    forward = _forward(path)
    assert b"".join(line.data + b"\n" for line in forward) == b"".join(parts)
    assert not any(line.fault for line in forward)


def test_a_frame_with_a_128_mib_window_is_read(tmp_path: Path) -> None:
    settings_ = zstandard.ZstdCompressionParameters(
        compression_level=3, window_log=27, enable_ldm=True, write_checksum=True
    )
    stream = zstandard.ZstdCompressor(compression_params=settings_).compressobj()
    data = b'{"a":1}\n' * 100_000
    path = _packed(tmp_path, stream.compress(data) + stream.flush())
    assert sum(1 for _ in _forward(path)) == 100_000


def _words(seed: int) -> bytes:
    """About 60 KB that compress badly, so that a frame has blocks to be damaged in."""
    state = seed
    out: list[bytes] = []
    for _ in range(2000):
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        out.append(b"%030d\n" % state)
    return b"".join(out)


def test_damage_costs_the_rest_of_its_frame_and_nothing_behind_it(tmp_path: Path) -> None:
    first, second, third = (frame(_words(seed)) for seed in (1, 2, 3))
    damaged = bytearray(second)
    damaged[len(damaged) // 2] ^= 0x40
    path = _packed(tmp_path, first + bytes(damaged) + third)
    forward = _forward(path)
    (fault,) = [line for line in forward if line.fault]
    assert fault.fault & LineFault.DAMAGED
    assert fault.detail
    text = b"".join(line.data + b"\n" for line in forward)
    assert text.startswith(_words(1))
    assert text.endswith(_words(3))


def test_a_broken_frame_structure_is_searched_past(tmp_path: Path) -> None:
    path = _packed(tmp_path, frame(b"one\n") + b"garbage, no frame" + frame(b"two\n"))
    forward = _forward(path)
    assert [(line.data, bool(line.fault & LineFault.DAMAGED)) for line in forward] == [
        (b"one", False),
        (b"", True),
        (b"two", False),
    ]


def test_a_truncated_frame_gives_what_it_has_and_says_so(tmp_path: Path) -> None:
    whole = frame(_words(1))
    path = _packed(tmp_path, frame(b"before\n") + whole[: len(whole) // 2])
    forward = _forward(path)
    assert forward[0].data == b"before"
    assert forward[-1].fault & LineFault.DAMAGED
    assert "cut short" in forward[-1].detail


@pytest.mark.parametrize("data", [b"", b"\x28", b"nonsense", b"\x28\xb5\x2f\xfd\xff\xff\xff\xff"])
def test_what_is_no_frame_at_all_is_one_damaged_line(tmp_path: Path, data: bytes) -> None:
    (line,) = _forward(_packed(tmp_path, data))
    assert line.fault is LineFault.DAMAGED
    assert line.detail


_READ_ALL = """
import sys
from codexlab.rollout import iter_lines, open_snapshot
with open_snapshot(sys.argv[1]) as snapshot:
    print(sum(len(line.data) + 1 for line in iter_lines(snapshot)))
print(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
"""


@FORMS
def test_memory_does_not_grow_with_the_rollout(tmp_path: Path, compressed: bool) -> None:
    block = (b"z" * 99_999 + b"\n") * 10
    path = rollout_path(tmp_path, thread_id(1))
    count = 150
    if compressed:
        write(path, block * count, compressed=True)
    else:
        path.parent.mkdir(parents=True)
        with path.open("wb") as file:
            for _ in range(count):
                file.write(block)
    command = [sys.executable, "-c", _READ_ALL, str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    total, peak_kib = map(int, result.stdout.split())
    assert total == len(block) * count
    assert peak_kib < 80 * 1024


@pytest.mark.parametrize("first", [zstandard.compress(b""), b"\x50\x2a\x4d\x18\0\0\0\0"])
def test_an_empty_frame_in_front_hides_nothing(tmp_path: Path, first: bytes) -> None:
    path = _packed(tmp_path, first + frame(b'{"a":1}\n{"b":2}\n'))
    assert [line.data for line in _forward(path)] == [b'{"a":1}', b'{"b":2}']


def test_what_lies_before_a_damaged_place_is_read(tmp_path: Path) -> None:
    data = b"".join(
        b'{"n":%d,"text":"%s"}\n' % (n, os.urandom(200).hex().encode()) for n in range(4000)
    )
    packed = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(data))
    packed[len(packed) // 2] ^= 1
    *read, last = _forward(_packed(tmp_path, bytes(packed)))
    assert last.fault is LineFault.DAMAGED
    pairs = zip(read, data.splitlines(), strict=False)
    changed = [number for number, (line, original) in enumerate(pairs) if line.data != original]
    # Later lines may repeat what the bit changed.
    assert len(changed) * 10 < len(read) > 1000
