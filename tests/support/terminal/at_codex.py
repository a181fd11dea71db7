"""A person at the screen of codex: answer its question, give it a task, wait for its answer."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable

from .person import Screen

# In a title of the window codex tells what it is at: "working" while a turn lasts.
_STATE = re.compile(rb"state=(\w+):")


def answer_trust_question(screen: Screen) -> None:
    """Answer that the directory is trusted, which a fresh codex asks first."""
    screen.answering = True
    question = screen.wait_for("Trust and continue|(?i:press enter)")
    if question[0].startswith(b"Trust"):  # the older one moves for ever
        screen.wait_until_quiet()
    screen.type("\r")


def ask(screen: Screen, task: str, answer: str) -> None:
    """Give a task, and wait until the answer is on the screen and the turn is over.

    codex promises no order of the two: on a busy machine it paints the answer last.

    :raises TimeoutError: one of the two did not come.
    """
    enter(screen, task, lambda shown: answer.encode() in shown and _is_over(shown))


def _is_over(shown: bytes) -> bool:
    """Tell whether no turn lasts; a new conversation is at work for a moment too, before any."""
    return _STATE.findall(shown)[-1:] in ([b"done"], [b"idle"])


def enter(screen: Screen, words: str, is_heard: Callable[[bytes], bool]) -> None:
    """Type a line, and press Enter until the screen shows that it was heard.

    Enter may come so soon that codex takes it for the end of a pasted line.

    :param is_heard: is given what was shown since the line was typed.
    :raises TimeoutError: it was not heard.
    """
    screen.type(words)
    screen.wait_for(words)
    for _ in range(20):
        screen.type("\r")
        with contextlib.suppress(TimeoutError):
            screen.wait_until(lambda: is_heard(screen.shown), timeout=3.0)
            return
    message = f"no answer to {words!r}; there was {screen.shown!r}"
    raise TimeoutError(message)
