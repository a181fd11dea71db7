"""Claude Code, as its version 2.1.332 is."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..adapter import Adapter, AgentStatus, Readers, StreamNews, Variables, parse_event, table, text
from ..agent_name import AgentName
from .sessions import SESSION, ClaudeSessions, claude_home, living_on, sessions_in
from .variables import claude_variables

if TYPE_CHECKING:
    from ..conversation import ReadSaid

_SHELLS = frozenset(("sh", "bash", "dash", "zsh", "ksh", "fish", "su"))
_CONTINUES = r"--continue|-p*c[cp]*"
_RESUMES = rf"(?:--resume=|-r=?)?({SESSION})"


class Claude(Adapter):
    """Claude Code. Its sessions lie in the user's own ``~/.claude``.

    claude reads all of stdin, and goes on after 3 s without input.
    """

    name = AgentName.CLAUDE
    resumable = True
    tells_its_end = True
    answers_on_stdout = True
    way_beside = "add --fork-session"

    @property
    def variables(self) -> Variables:
        """Return its settings, sign-in and clouds."""
        return claude_variables()

    def resume_arguments(self, thread: str) -> tuple[str, ...]:
        """Return the words that resume a session, which claude does from any directory."""
        return ("--resume", thread)

    def readers(self, words: Sequence[str]) -> Readers:
        """Return what reads its JSON, where the command asks for it."""
        speaks_json = _output_format(words) in ("json", "stream-json")
        return Readers(stdout=read_event if speaks_json else None)

    def said_reader(self) -> ReadSaid:
        """Return what makes a conversation of its events."""
        from .conversation import read_said  # no launch needs it

        return read_said

    def session_store(
        self, environ: Mapping[str, str], workdir: Path, since: float, *, interactive: bool = False
    ) -> ClaudeSessions:
        """Return the transcripts below ``CLAUDE_CONFIG_DIR``, or ``~/.claude``."""
        return ClaudeSessions(claude_home(environ), workdir, since, interactive)

    def sessions_to_hold(
        self, words: Sequence[str], environ: Mapping[str, str], workdir: Path
    ) -> tuple[str, ...]:
        """Return the sessions that a command names, or that its ``--continue`` can come upon.

        Two claudes can append to one transcript, and claude has no lock against that. With
        ``--continue`` it takes the newest one of its directory, whoever works on that.
        """
        if "--fork-session" in words:
            return ()
        there = sessions_in(workdir, claude_home(environ)) if _continues(words) else ()
        return tuple(dict.fromkeys((*_resumed(words), *there)))

    def working_on(self, session: str, environ: Mapping[str, str]) -> Iterator[int]:
        """Yield the living claudes that say they work on a session."""
        return living_on(session, claude_home(environ))


def read_event(line: bytes) -> StreamNews:
    """Read one line of claude's JSON output; anything else tells nothing.

    ``--output-format json`` gives the result alone, or with ``--verbose`` a list of all events.
    """
    event = parse_event(line)
    if isinstance(event, list):
        event = next(reversed(cast("list[object]", event)), None)
    found = table(event)
    session = text(found.get("session_id"))
    if found.get("type") != "result":
        return StreamNews(session)
    failed = bool(found.get("is_error"))
    # A turn that claude breaks off has no result; its kind then says why (error_max_turns).
    message = text(found.get("result")) or (text(found.get("subtype")) if failed else None)
    status = AgentStatus.FAILED if failed else AgentStatus.COMPLETED
    return StreamNews(session, status, message=message)


def _output_format(words: Sequence[str]) -> str | None:
    """Return the last ``--output-format`` of a claude; of two the last one counts."""
    found = None
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--":
            break
        if word == "--output-format":
            found = following
        elif word.startswith("--output-format="):
            found = word.partition("=")[2]
    return found


def _continues(words: Sequence[str]) -> bool:
    """Tell whether a claude is told to go on with the newest session of its directory."""
    if not words or os.path.basename(words[0]) in _SHELLS:
        return False  # there "-c" is the shell's own
    options = itertools.takewhile(lambda word: word != "--", words)
    return any(re.fullmatch(_CONTINUES, word) for word in options)


def _resumed(argv: Sequence[str]) -> Iterator[str]:
    for before, word in itertools.pairwise(argv):
        named = re.fullmatch(_RESUMES, word)
        if named and (word != named[1] or before in ("--resume", "-r")):
            yield named[1]
