"""What is searched for: a text or a regular expression, and where it counts.

A rollout holds text as JSON, so a quote, a line break or an umlaut can be written
in several ways there, within a tool's arguments even twice. Matching is therefore
done on decoded text. To decode only few lines, a *needle* is taken from the
pattern: characters that every match must hold and that JSON writes in one way only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..kernel import CallerError
from ._entries import CONVERSATION, Role

# Everything else can be escaped by some writer of JSON: quotes, backslashes,
# controls, all that is not ASCII, and < > & / by careful ones.
_RUN = re.compile(r"[A-Za-z0-9 _\-.,:;=*#@!?%$^~|(){}\[\]]+")
_LITERAL = re.compile(r"[A-Za-z0-9 _\-,:;=#@!%~]")
# Branches, groups, sets, counts, and escapes that spell a character out.
_UNCERTAIN = re.compile(r"[|(\[{\n]|\\[xuUN0-9]")
_MIN_NEEDLE = 2


class BadPatternError(CallerError):
    """A pattern that cannot be searched for.

    :param pattern: as given.
    :param reason: what is wrong with it.
    """

    def __init__(self, pattern: str, reason: str) -> None:
        self.pattern, self.reason = pattern, reason
        super().__init__(f"{pattern!r} cannot be searched for: {reason}")


@dataclass(frozen=True, slots=True)
class Query:
    """A search, ready to be run.

    :param pattern: compiled; matched against the decoded text of one entry.
    :param needle: bytes that every line with a match holds; b"" when none are known.
    :param fold: the needle is lower-case and the case of ASCII letters is ignored.
    :param roles: whose entries count.
    :param since: first timestamp that counts, RFC 3339 in UTC as codex writes it.
    :param until: the first that no longer counts.
    :param context: how many lines of text are shown around a match.
    """

    pattern: re.Pattern[str]
    needle: bytes
    fold: bool
    roles: frozenset[Role] = CONVERSATION
    since: str | None = None
    until: str | None = None
    context: int = 0


def make_query(
    text: str,
    *,
    regex: bool = False,
    ignore_case: bool = False,
    roles: frozenset[Role] = CONVERSATION,
    since: str | None = None,
    until: str | None = None,
    context: int = 0,
) -> Query:
    """Compile a search.

    :param text: found as it stands, or a Python regular expression with ``regex``.
    :param ignore_case: of all letters; Kelvin and long-s signs are not K and S.
    :raises BadPatternError: it is empty, or no regular expression.
    """
    if not text:
        raise BadPatternError(text, "it is empty")
    flags = re.MULTILINE | (re.IGNORECASE if ignore_case else re.NOFLAG)
    try:
        pattern = re.compile(text if regex else re.escape(text), flags)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadPatternError(text, f"it is no regular expression: {error}") from None
    if pattern.fullmatch("") is not None:
        raise BadPatternError(text, "it matches the empty text, which is everywhere")
    needle = needle_of(required_literal(text) if regex else text)
    folded = needle.lower() if ignore_case else needle
    return Query(pattern, folded, ignore_case, roles, since, until, context)


def needle_of(text: str) -> bytes:
    """Return the longest part of a text that JSON writes in one way only."""
    best = max(_RUN.findall(text), key=len, default="")
    return best.encode() if len(best) >= _MIN_NEEDLE else b""


def required_literal(pattern: str) -> str:
    """Return characters that every match of a regular expression holds in a row.

    Cautious: "" whenever the expression branches, groups, or sets flags.
    """
    if _UNCERTAIN.search(pattern) is not None:
        return ""
    runs, run, index = [""], "", 0
    while index < len(pattern):
        following = pattern[index + 1 : index + 2]
        if _LITERAL.fullmatch(pattern[index]) and following not in ("*", "?", "{"):
            run += pattern[index]
        else:
            runs.append(run)
            run = ""
        # What follows a backslash is a class, or one character we do without.
        index += 2 if pattern[index] == "\\" else 1
    return max([*runs, run], key=len)
