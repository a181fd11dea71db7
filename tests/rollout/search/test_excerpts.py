"""An excerpt shows its matches with the lines around them."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from codexlab.rollout.search.excerpts import excerpts_of


@given(
    text=st.text(alphabet="ab\n", max_size=60) | st.text(alphabet="ab", max_size=900),
    pattern=st.sampled_from(["a", "ab", "b+", "a\nb"]),
    context=st.integers(0, 3),
)
def test_every_excerpt_shows_its_match_and_no_line_twice_as_such(
    text: str, pattern: str, context: int
) -> None:
    expression = re.compile(pattern)
    excerpts, count = excerpts_of(text, expression, context)
    assert count == len(expression.findall(text))
    matched_lines = {text.count("\n", 0, m.start()) for m in expression.finditer(text)}
    assert len(excerpts) <= min(20, len(matched_lines))
    assert bool(excerpts) == bool(count)
    for excerpt in excerpts:
        start, end = excerpt.span
        shown = excerpt.line[start:end]
        assert shown
        assert expression.match(shown) or pattern.startswith(shown[:1])
        assert len(excerpt.line) <= 242
        assert "\n" not in excerpt.line
        assert max(len(excerpt.before), len(excerpt.after)) <= context


def test_many_matches_are_counted_and_twenty_shown() -> None:
    excerpts, count = excerpts_of("x\n" * 100, re.compile("x"), 0)
    assert (len(excerpts), count) == (20, 100)
