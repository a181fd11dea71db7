"""A query finds a text however JSON writes it, and its needle hides no match."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexlab.rollout import BadPatternError, make_query


@pytest.mark.parametrize(
    ("pattern", "needle"),
    [
        ("connection refused", b"connection refused"),
        ('say "hello there" now', b"hello there"),
        ("naïve café society", b" society"),
        ("a/very/long<tag>", b"very"),
        ("ü", b""),
        ('"', b""),
    ],
)
def test_the_needle_of_a_text_is_what_json_writes_in_one_way(pattern: str, needle: bytes) -> None:
    assert make_query(pattern).needle == needle


@pytest.mark.parametrize(
    ("pattern", "needle"),
    [
        ("error: .* refused", b" refused"),
        ("colou?r", b"colo"),
        ("ab*cd", b"cd"),
        ("foo|bar", b""),
        ("(foo)?bar", b""),
        ("a{2}345", b""),
        (r"\d+ failed", b" failed"),
        (r"\x41BCD", b""),
        (r"\1abc", None),
        ("[abc]def", b""),
        ("warn+ing", b"warn"),
        (r"end\.?ing", b"end"),
    ],
)
def test_the_needle_of_an_expression_is_in_every_match(pattern: str, needle: bytes | None) -> None:
    if needle is None:
        with pytest.raises(BadPatternError):
            make_query(pattern, regex=True)
    else:
        assert make_query(pattern, regex=True).needle == needle


@given(
    pattern=st.text(alphabet="ab(|)[]{}*+?.\\d ^$12x", max_size=8),
    text=st.text(alphabet="abAB12 xd\\", max_size=30),
    ignore_case=st.booleans(),
)
def test_no_needle_hides_a_match(pattern: str, text: str, ignore_case: bool) -> None:
    try:
        query = make_query(pattern, regex=True, ignore_case=ignore_case)
    except (BadPatternError, FutureWarning):
        return
    if query.pattern.search(text) is not None:
        written = json.dumps(json.dumps(text)).encode()
        assert query.needle in (written.lower() if query.fold else written)


@given(text=st.text(min_size=1, max_size=12), around=st.text(max_size=4))
def test_a_text_is_found_however_json_is_written(text: str, around: str) -> None:
    query = make_query(text)
    for escaped in (True, False):
        once = json.dumps(around + text + around, ensure_ascii=escaped)
        twice = json.dumps(once, ensure_ascii=escaped)
        assert query.needle in once.encode(errors="surrogatepass")
        assert query.needle in twice.encode(errors="surrogatepass")


@pytest.mark.parametrize("pattern", ["", "(", "*", "a**", "x*", "(?P<n"])
def test_what_is_no_pattern_is_one_clear_line(pattern: str) -> None:
    with pytest.raises(BadPatternError) as caught:
        make_query(pattern, regex=True)
    assert "\n" not in str(caught.value)


def test_ignoring_case_is_about_all_letters() -> None:
    query = make_query("Größe", ignore_case=True)
    assert query.pattern.flags & re.IGNORECASE
    assert query.pattern.search("GRÖßE")
