"""Read TOML 1.1, as codex does, with a standard library that knows 1.0.

What only 1.1 allows is written the 1.0 way first: line breaks, comments and a last comma in an
inline table. So are the escapes e and xHH in a string, and a time without seconds.
"""

from __future__ import annotations

import re
from typing import Any

_TOKEN = r"""(?xs)
    (?P<comment>\#[^\n]*)
    | (?P<basic>\"{3}(?:[^\\]|\\.)*?\"{3,5} | \"(?:[^\"\\\n]|\\.)*\")
    | (?P<literal>'{3}.*?'{3,5} | '[^'\n]*')
    | (?P<break>\r?\n)
    | (?P<mark>[][{},])
    | (?P<plain>[^]["'#\n{},]+)
    | (?P<other>.)
    """
_ESCAPE = r"(?s)\\(?:e|x([0-9A-Fa-f]{2})|.)"
_SHORT_TIME = r"(?<![\d:])(\d\d:\d\d)(?![\d:])"
# tomllib keeps every beginning of a dotted key, and two tables for each of its parts.
_MOST_PARTS, _MOST_DOTS = 64, 10_000
_PLACE = r" \(at (?:line (\d+), column \d+|end of document)\)$"


class TomlError(ValueError):
    """A text that is no TOML, or is TOML that cannot be read here.

    :param line: counted from 1, or None where it is not known.
    """

    def __init__(self, line: int | None, problem: str) -> None:
        self.line = line
        self.problem = problem
        super().__init__(problem if line is None else f"line {line}: {problem}")


def decode_toml(data: bytes) -> str:
    """Return the text of a TOML file, without a byte order mark.

    :raises TomlError: it is not UTF-8.
    """
    try:
        return data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise TomlError(data.count(b"\n", 0, error.start) + 1, "not UTF-8") from None


def parse_toml(text: str) -> dict[str, Any]:
    """Return the values of a TOML 1.1 text.

    Not promised: that what TOML forbids is always refused.

    :raises TomlError: it is no TOML, or nested deeper than can be read here. Or it has dotted
        keys that would cost memory out of all proportion to the text.
    """
    import tomllib

    _check_keys(text)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise TomlError(None, "nested too deeply") from None
    except ValueError as error:
        first = str(error)
    try:
        return tomllib.loads(_as_1_0(text))
    except RecursionError:
        raise TomlError(None, "nested too deeply") from None
    except ValueError:
        place = re.search(_PLACE, first)
        line = int(place[1]) if place and place[1] else None
        raise TomlError(line, f"not TOML: {re.sub(_PLACE, '', first)}") from None


def _check_keys(text: str) -> None:
    """Refuse keys that would be read with the square of their length.

    :raises TomlError: a key, or all of them together, have too many parts.
    """
    lines = text.split("\n")
    dots = [line.count(".") for line in lines]
    if max(dots) < _MOST_PARTS and sum(dots) < _MOST_DOTS:
        return
    line, parts, total = 1, 1, 0
    for token in re.finditer(_TOKEN, text):
        kind, word = token.lastgroup, token.group()
        if kind in ("break", "mark"):
            parts = 1
        elif kind == "plain":
            parts, total = parts + word.count("."), total + word.count(".")
        if parts > _MOST_PARTS or total > _MOST_DOTS:
            raise TomlError(line, f"a key of more than {_MOST_PARTS} parts, or too many keys")
        line += word.count("\n")


def _as_1_0(text: str) -> str:
    """Write the 1.0 way what only 1.1 allows; every other text stays as it is."""
    out: list[str] = []
    opened: list[str] = []
    for token in re.finditer(_TOKEN, text):
        kind, word = token.lastgroup, token.group()
        inline = bool(opened) and opened[-1] == "{"
        if kind == "mark":
            _note_mark(word, opened)
            if word == "}" and inline:
                _drop_last_comma(out)
        elif kind == "basic":
            word = re.sub(_ESCAPE, _escape, word)
        elif kind == "plain":
            word = re.sub(_SHORT_TIME, r"\1:00", word)
        elif inline and kind == "break":
            word = " "
        elif inline and kind == "comment":
            word = ""
        out.append(word)
    return "".join(out)


def _note_mark(mark: str, opened: list[str]) -> None:
    if mark in "[{":
        opened.append(mark)
    elif mark in "]}" and opened:
        opened.pop()


def _drop_last_comma(out: list[str]) -> None:
    for position in range(len(out) - 1, -1, -1):
        if out[position].strip():
            if out[position] == ",":
                out[position] = ""
            return


def _escape(found: re.Match[str]) -> str:
    if found.group() == "\\e":
        return "\\u001b"
    return f"\\u00{found[1]}" if found[1] else found.group()
