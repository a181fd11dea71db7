"""Show foreign text without letting it control the terminal."""

from __future__ import annotations

import re
import sys
import unicodedata

# Control characters begin escape sequences (C0, DEL, C1); the others turn or hide
# the text around them (Unicode's bidirectional and line controls, the soft BOM).
_COMMANDS = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def neutral(text: str) -> str:
    """Make every control character visible; newlines and tabs stay."""
    return re.sub(_COMMANDS, _picture, text.replace("\r\n", "\n"))


def one_line(text: str, limit: int = 200) -> str:
    """Return the beginning of a text, neutralised and with its white space folded."""
    folded = " ".join(neutral(text[: limit * 4]).split())
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"


def on_one_line(text: str) -> str:
    """Make all unprintable characters visible, line breaks too; cut nothing."""
    if text.isprintable():
        return text
    return neutral(text).replace("\n", "␊").replace("\t", "␉")


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"<U+{code:04X}>"


def cells(text: str) -> int:
    """Return how many terminal columns a neutralised text takes."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(character) for character in text)


def _cells_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fit(text: str, width: int) -> str:
    """Cut or fill a text to exactly this many columns."""
    used = cells(text)
    if used <= width:
        return text + " " * (width - used)
    kept: list[str] = []
    room = width - 1
    for character in text:
        room -= _cells_of(character)
        if room < 0:
            break
        kept.append(character)
    short = "".join(kept) + "…"
    return short + " " * (width - cells(short))


def terminal_width() -> int | None:
    """Return the columns of the terminal on stdout, or None without a terminal."""
    if not sys.stdout.isatty():
        return None
    from shutil import get_terminal_size  # it imports every archive format

    return get_terminal_size().columns


def size_text(size: int) -> str:
    """Format a number of bytes for people: ``999 B``, ``1.5 KiB``, ``12 GiB``."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB" if value < 10 else f"{value:.0f} TiB"
