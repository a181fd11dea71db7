"""The needle of a search: bytes that every line with a match holds, and a fast look for them.

JSON writes some characters in one way only. A run of these that every match must hold is
the *needle*. It preselects lines before any of them is decoded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

# Everything else can be escaped by some writer of JSON: quotes, backslashes,
# controls, all that is not ASCII, and < > & / by careful ones.
_RUN = re.compile(r"[A-Za-z0-9 _\-.,:;=*#@!?%$^~|(){}\[\]]+")
_LITERAL = re.compile(r"[A-Za-z0-9 _\-,:;=#@!%~]")
# Branches, groups, sets, counts, and escapes that spell a character out.
_UNCERTAIN = re.compile(r"[|(\[{\n]|\\[xuUN0-9]")
_MIN_NEEDLE = 2
# For shorter needles Python's own search is the faster one.
_WORTH_MEMMEM = 4


def needle_of(text: str, *, regex: bool, ignore_case: bool) -> bytes:
    """Return bytes that every match of a pattern holds; b"" when none are known.

    :param ignore_case: the needle is lower-case.
    """
    needle = literal_needle(required_literal(text) if regex else text)
    return needle.lower() if ignore_case else needle


def literal_needle(text: str) -> bytes:
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


def contains(haystack: bytes, needle: bytes) -> bool:
    """Tell whether ``needle`` is somewhere in ``haystack``.

    The C library's memmem(3) goes through text at 7 GB/s where Python 3.11's own search
    manages 3, and it lets other threads run meanwhile.
    """
    if len(needle) < _WORTH_MEMMEM:
        return needle in haystack
    return _memmem()(haystack, len(haystack), needle, len(needle)) is not None


@cache
def _memmem() -> Callable[[bytes, int, bytes, int], int | None]:
    # Only where ripgrep does not do the searching.
    import ctypes

    from ...kernel.libc import libc

    try:
        function = libc().memmem
    except AttributeError:  # not in POSIX; every C library of Linux has it
        return lambda haystack, _, needle, __: 0 if needle in haystack else None
    function.restype = ctypes.c_void_p
    function.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    return function
