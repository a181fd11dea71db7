"""What the demo prints: lines, sections, checks; colours only on a terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]


def expect(condition: bool, text: str) -> None:
    """Say that something holds, or end the demo because it does not."""
    if not condition:
        give_up(f"not so: {text}")
    say(f"{green('ok')}  {text}")


def give_up(text: str) -> NoReturn:
    """End the demo with one line."""
    print(f"demo: {text}; see build/demo", file=sys.stderr)
    sys.exit(1)


def shown(path: Path) -> str:
    """Return a path as seen from the checkout."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def quoted(argv: list[str]) -> str:
    """Return an argv as one would type it; {resume} needs no quotes."""
    words = [word.replace(f"{ROOT}/", "") for word in argv]
    return " ".join(f'"{word}"' if " " in word else word for word in words)


def title(text: str) -> None:
    """Open a section."""
    say()
    say(bold(f"== {text}"))


def say(text: str = "") -> None:
    """Print one line at once."""
    print(text, flush=True)


def plain(text: str) -> str:
    """Return the text as it is."""
    return text


def _colour(code: str, text: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if sys.stdout.isatty() else text


def bold(text: str) -> str:
    """Return the text in bold on a terminal."""
    return _colour("1", text)


def dim(text: str) -> str:
    """Return the text dimmed on a terminal."""
    return _colour("2", text)


def green(text: str) -> str:
    """Return the text in green on a terminal."""
    return _colour("32", text)


def red(text: str) -> str:
    """Return the text in red on a terminal."""
    return _colour("31", text)
