"""Secrets leave no trace, however the stream is cut."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexlab.env.secrets.mask import Masker


def mask(secrets: list[bytes], chunks: list[bytes]) -> bytes:
    masker = Masker(secrets)
    return b"".join(map(masker.feed, chunks)) + masker.finish()


def by_hand(secrets: list[bytes], text: bytes) -> bytes:
    """Mark covered bytes one by one; overlapping occurrences are one mask."""
    spans = sorted(
        (at, at + len(secret))
        for secret in secrets
        for at in range(len(text))
        if text.startswith(secret, at)
    )
    out, position, covered = bytearray(), 0, -1
    for start, stop in spans:
        if start >= covered:
            out += text[position:start] + b"***"
        covered = max(covered, stop)
        position = covered
    return bytes(out + text[position:])


def test_a_secret_cut_at_every_place_is_masked() -> None:
    secret = b"sk-proj-0123456789"
    text = b"before " + secret + b" after"
    for cut in range(len(text) + 1):
        assert mask([secret], [text[:cut], text[cut:]]) == b"before *** after"
    assert mask([secret], [bytes([byte]) for byte in text]) == b"before *** after"


def test_only_a_beginning_of_a_secret_is_held_back() -> None:
    masker = Masker([b"sk-proj-0123456789"])
    assert masker.feed(b"prompt> ") == b"prompt> "
    assert masker.feed(b"ask") == b"a"
    assert masker.feed(b"-pr") == b""
    assert masker.feed(b"ivate") == b"sk-private"
    assert masker.feed(b"sk-proj-") == b""
    assert masker.finish() == b"sk-proj-"
    assert masker.finish() == b""


def test_without_secrets_bytes_pass_untouched() -> None:
    masker = Masker([])
    data = b"x" * 10
    assert masker.feed(data) is data
    assert masker.finish() == b""
    assert masker.mask_text("x") == "x"


def test_a_secret_that_begins_another_leaves_no_tail_behind() -> None:
    short, long = b"abcdefgh", b"abcdefghij"
    text = b"1 abcdefghij 2 abcdefgh 3"
    for cut in range(len(text)):
        assert mask([short, long], [text[:cut], text[cut:]]) == b"1 *** 2 *** 3"


def test_overlapping_occurrences_are_one_mask() -> None:
    assert mask([b"aaaaaaaa"], [b"x" + b"a" * 1000 + b"y"]) == b"x***y"
    assert mask([b"aaaaaaaa"], [b"x", *[b"a"] * 1000, b"y"]) == b"x***y"
    assert mask([b"12345678", b"67890abc"], [b"<1234567890abc>"]) == b"<***>"


def test_a_long_run_of_a_periodic_secret_is_neither_slow_nor_kept() -> None:
    masker = Masker([b"abababab"])
    out = b"".join(masker.feed(b"ab" * 32768) for _ in range(64))
    assert out + masker.finish() == b"***"


@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_json_escaped_forms_are_masked_up_to_json_in_json(ensure_ascii: bool) -> None:
    secret = 'p"a\\s/s\nwörd\t12'
    once = json.dumps({"k": secret}, ensure_ascii=ensure_ascii)
    twice = json.dumps({"k": once}, ensure_ascii=ensure_ascii)
    for text in (secret, once, twice, once.replace("/", "\\/")):
        masked = Masker([secret.encode()]).mask_text(text)
        assert "***" in masked
        assert "wörd" not in masked
        assert "u00f6rd" not in masked


def test_a_secret_of_arbitrary_bytes_and_a_text_of_surrogates_are_handled() -> None:
    assert mask([b"\xff\xfe secret"], [b"a\xff\xfe secretb"]) == b"a***b"
    assert Masker([b"secret-value"]).mask_text("\udcff secret-value") == "\udcff ***"


def test_masking_a_text_does_not_disturb_the_stream() -> None:
    masker = Masker([b"secret-value"])
    assert masker.feed(b"secret-") == b""
    assert masker.mask_text("secret-value and value") == "*** and value"
    assert masker.feed(b"value!") == b"***!"


@st.composite
def secrets_and_text(draw: st.DrawFn) -> tuple[list[bytes], bytes, list[int]]:
    word = st.text("ab", min_size=1, max_size=5).map(str.encode)
    secrets = draw(st.lists(word, min_size=1, max_size=3))
    pieces = draw(st.lists(st.one_of(word, st.sampled_from([b" ", *secrets])), max_size=12))
    text = b"".join(pieces)
    cuts = draw(st.lists(st.integers(0, len(text)), max_size=8).map(sorted))
    return secrets, text, cuts


@given(secrets_and_text())
def test_the_output_does_not_depend_on_the_cuts(case: tuple[list[bytes], bytes, list[int]]) -> None:
    secrets, text, cuts = case
    edges = [0, *cuts, len(text)]
    chunks = [text[a:b] for a, b in pairwise(edges)]
    expected = by_hand(secrets, text)
    assert mask(secrets, [text]) == expected
    assert mask(secrets, chunks) == expected
    assert Masker(secrets).mask_text(text.decode()) == expected.decode()
