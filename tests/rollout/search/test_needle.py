"""The search for bytes finds what Python's own search finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codexlab.rollout.search.needle import contains


@given(
    st.lists(st.sampled_from([b"a", b"b", b"\0", b"\xff"]), max_size=60).map(b"".join),
    st.lists(st.sampled_from([b"a", b"b", b"\0"]), max_size=8).map(b"".join),
)
def test_it_agrees_with_python(haystack: bytes, needle: bytes) -> None:
    assert contains(haystack, needle) == (needle in haystack)
