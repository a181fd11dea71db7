"""Cut what surrounds a match out of a text, line by line, as grep does."""

from __future__ import annotations

import re

from ...kernel.values import frozen

_MAX_EXCERPTS = 20
_MAX_WIDTH = 240
_MARGIN = 80


@frozen
class Excerpt:
    """One match and the lines around it.

    :param before: lines of text before that of the match.
    :param line: the line in which the match begins, cut around it when long.
    :param span: where in ``line`` the match is.
    :param after: lines of text behind it.
    """

    before: tuple[str, ...]
    line: str
    span: tuple[int, int]
    after: tuple[str, ...]


def excerpts_of(
    text: str, pattern: re.Pattern[str], context: int
) -> tuple[tuple[Excerpt, ...], int]:
    """Find the matches in a text.

    :param context: lines before and behind each.
    :returns: one excerpt for each line with a match, 20 at most, and the number of
        all matches.
    """
    found: list[Excerpt] = []
    count, shown_to = 0, -1
    for match in pattern.finditer(text):
        if match.end() == match.start():
            continue
        count += 1
        if match.start() > shown_to and len(found) < _MAX_EXCERPTS:
            excerpt, shown_to = _excerpt(text, match, context)
            found.append(excerpt)
    return tuple(found), count


def _excerpt(text: str, match: re.Match[str], context: int) -> tuple[Excerpt, int]:
    start = text.rfind("\n", 0, match.start()) + 1
    end = text.find("\n", match.start())
    end = len(text) if end == -1 else end
    line, span = _narrowed(text, start, end, match)
    before = _lines_before(text, start, context)
    after = _lines_after(text, end, context)
    return Excerpt(before, line, span, after), end


def _narrowed(text: str, start: int, end: int, match: re.Match[str]) -> tuple[str, tuple[int, int]]:
    """Keep a long line's surroundings of the match; dots mark what was cut."""
    stop = min(match.end(), end)
    if end - start <= _MAX_WIDTH:
        return text[start:end], (match.start() - start, stop - start)
    left = max(start, match.start() - _MARGIN)
    stop = min(stop, match.start() + _MAX_WIDTH - _MARGIN)
    right = min(end, max(stop, left + _MAX_WIDTH))
    head, tail = "…" if left > start else "", "…" if right < end else ""
    shift = left - len(head)
    return head + text[left:right] + tail, (match.start() - shift, stop - shift)


def _lines_before(text: str, start: int, count: int) -> tuple[str, ...]:
    lines: list[str] = []
    while start > 0 and len(lines) < count:
        end = start - 1
        start = text.rfind("\n", 0, end) + 1
        lines.append(_short(text[start : min(end, start + _MAX_WIDTH + 1)]))
    return tuple(reversed(lines))


def _lines_after(text: str, end: int, count: int) -> tuple[str, ...]:
    lines: list[str] = []
    while end < len(text) and len(lines) < count:
        start = end + 1
        end = text.find("\n", start)
        end = len(text) if end == -1 else end
        lines.append(_short(text[start : min(end, start + _MAX_WIDTH + 1)]))
    return tuple(lines)


def _short(line: str) -> str:
    return line if len(line) <= _MAX_WIDTH else line[:_MAX_WIDTH] + "…"
