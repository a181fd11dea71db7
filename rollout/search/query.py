"""A search: a text or a regular expression, and the entries in which it counts.

A rollout holds text as JSON. So a quote, a line break or an umlaut can be written in several
ways there, and within a tool's arguments even twice. Matching is therefore done on decoded
text; to decode only few lines, a needle is taken from the pattern.
"""

from __future__ import annotations

import re

from ...kernel.errors import CallerError
from ...kernel.values import frozen
from ..reading.entries import CONVERSATION, Role
from .needle import needle_of


class BadPatternError(CallerError):
    """A pattern that cannot be searched for.

    :param pattern: as given.
    :param reason: what is wrong with it.
    """

    def __init__(self, pattern: str, reason: str) -> None:
        self.pattern, self.reason = pattern, reason
        super().__init__(f"{pattern!r} cannot be searched for: {reason}")


@frozen
class Query:
    """A search, ready to be run.

    :param pattern: compiled; matched against the decoded text of one entry.
    :param needle: bytes that every line with a match holds; b"" when none are known.
    :param fold: the needle is lower-case and the case of ASCII letters is ignored.
    :param roles: whose entries count.
    :param since: first timestamp that counts, RFC 3339 in UTC as codex writes it.
    :param until: the first that no longer counts.
    :param context: how many lines of text are shown around a match.
    :param present: leave out what its user went back to before.
    """

    pattern: re.Pattern[str]
    needle: bytes
    fold: bool
    roles: frozenset[Role] = CONVERSATION
    since: str | None = None
    until: str | None = None
    context: int = 0
    present: bool = False


def make_query(
    text: str,
    *,
    regex: bool = False,
    ignore_case: bool = False,
    roles: frozenset[Role] = CONVERSATION,
    since: str | None = None,
    until: str | None = None,
    context: int = 0,
    present: bool = False,
) -> Query:
    """Compile a search.

    :param text: found as it stands, or a Python regular expression with ``regex``.
    :param ignore_case: of all letters; Kelvin and long-s signs are not K and S.
    :param present: leave out what its user went back to before.
    :raises BadPatternError: it is empty, or no regular expression.
    """
    if not text:
        raise BadPatternError(text, "it is empty")
    flags = re.MULTILINE | (re.IGNORECASE if ignore_case else re.NOFLAG)
    try:
        pattern = re.compile(text if regex else re.escape(text), flags)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadPatternError(text, f"it is not a regular expression: {error}") from None
    if pattern.fullmatch("") is not None:
        raise BadPatternError(text, "it matches the empty text, which is everywhere")
    needle = needle_of(text, regex=regex, ignore_case=ignore_case)
    return Query(pattern, needle, ignore_case, roles, since, until, context, present)
