"""The adapter of an agent. The defaults are for a program that nobody knows.

Each agent is one subclass, in a file or folder of its own, and one row in ``registry``. The
rest of the product asks the adapter and compares no names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum, StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..kernel.values import frozen
from .agent_name import AgentName
from .network import ConfiguredNetwork, Network
from .session_store import NoSessions, SessionStore

if TYPE_CHECKING:
    from .conversation import ReadSaid

RESUME = "{resume}"
"""The argument that is replaced by the agent's own words for going on with its thread."""


class AgentStatus(StrEnum):
    """What the agent's own event stream said last of its task."""

    NONE = "none"
    COMPLETED = "completed"
    FAILED = "failed"


@frozen
class StreamNews:
    """The news in one line of output: a thread, the agent's status so far, or its own words.

    :param message: what the agent says last of its work, or why it failed.
    :param sure: the line belongs to the agent's own stream, not to a tool's output.
    """

    thread: str | None = None
    agent_status: AgentStatus | None = None
    sure: bool = True
    message: str | None = None


NO_NEWS = StreamNews()
LineReader = Callable[[bytes], StreamNews]


class Reads(Enum):
    """Whether the agent reads its prompt from stdin."""

    YES = "yes"
    NO = "no"
    UNSURE = "unsure"


@frozen
class Readers:
    """The readers of a run's output, line by line; None where the stream tells nothing."""

    stdout: LineReader | None = None
    stderr: LineReader | None = None


@frozen
class Variables:
    """The environment variables that pass for one agent.

    :param keys: names that hold credentials of its provider.
    :param groups: further names and globs, in one text, each with the reason why they pass.
        The keys belong to the first group.
    :param switched: names that pass once a variable, the key, is 1, true, yes or on.
    """

    keys: str = ""
    groups: tuple[tuple[str, str], ...] = ()
    switched: tuple[tuple[str, str], ...] = ()


class Adapter:
    """One agent; every method is pure unless it says what it reads."""

    name = AgentName.GENERIC
    resumable = False
    """``{resume}`` can be expanded: its threads are recorded, and confirmed by its store."""
    keeps_rollouts = False
    """Its transcripts are codex rollouts in the issue's codex-home, which ``rollout`` reads."""
    tells_its_end = False
    """Its stream says how its work ended, so that an exit status of 0 can be a failure."""
    answers_on_stdout = False
    """Its stdout is its last message, where it is not asked for a stream of events."""
    names_in_config = False
    """The shared ``config.toml`` names variables that pass for it."""
    hides_keys_from_tools = False
    """The issue's configuration keeps provider credentials out of its tool shells."""
    takes_network = False
    """The issue's configuration says whether its tools reach the network."""
    way_beside = ""
    """Advice for a user whose session another one of it works on; empty where there is none."""

    @property
    def variables(self) -> Variables:
        """Return the environment variables that pass for it."""
        return Variables()

    def resume_arguments(self, thread: str) -> tuple[str, ...]:
        """Return the words that make it go on with a thread."""
        del thread
        return ()

    def reads_prompt(self, words: Sequence[str]) -> Reads:
        """Tell whether it reads its prompt from a pipe on stdin.

        :param words: the agent's own words, from its name on.
        """
        del words
        return Reads.YES

    def readers(self, words: Sequence[str]) -> Readers:
        """Return what reads its output.

        :param words: the agent's own words, from its name on.
        """
        del words
        return Readers()

    def said_reader(self) -> ReadSaid | None:
        """Return what makes a conversation of its JSON output; None where it has none."""
        return None

    def read_screen_line(self, line: bytes) -> StreamNews:
        """Read a line of its terminal."""
        del line
        return NO_NEWS

    def session_store(
        self, environ: Mapping[str, str], workdir: Path, since: float, *, interactive: bool = False
    ) -> SessionStore:
        """Return its own store of threads; never called for an agent that keeps rollouts.

        :param environ: the agent's own.
        :param workdir: the directory that the run works in, resolved.
        :param since: when the run began (seconds since the epoch).
        :param interactive: a person types.
        """
        del environ, workdir, since, interactive
        return NoSessions()

    def sessions_to_hold(
        self, words: Sequence[str], environ: Mapping[str, str], workdir: Path
    ) -> tuple[str, ...]:
        """Return the sessions that a command goes on with and does not lock itself.

        :param words: the agent's own words, from its name on.
        :param environ: the agent's own.
        """
        del words, environ, workdir
        return ()

    def working_on(self, session: str, environ: Mapping[str, str]) -> Iterator[int]:
        """Yield the living processes that say they work on a session. Reads the agent's home."""
        del session, environ
        yield from ()

    def network(
        self, words: Sequence[str], configured: ConfiguredNetwork, workdir: Path
    ) -> Network | None:
        """Tell whether its tools reach the network; None where we do not know.

        May read the configuration of the project.

        :param words: the agent's own words, from its name on.
        :param configured: what the issue's configuration says.
        :param workdir: the directory that the agent starts in.
        """
        del words, configured, workdir
        return None

    def foresee_trouble(self, command: Sequence[str], codex_home: Path) -> str | None:
        """Return one line on what may go wrong with this command here, or None."""
        del command, codex_home
        return None


def expand_resume(command: Sequence[str], agent: Adapter, thread: str | None) -> tuple[str, ...]:
    """Replace each argument that is exactly ``{resume}``; touch nothing else."""
    ours = () if thread is None else agent.resume_arguments(thread)
    expanded: list[str] = []
    for argument in command:
        expanded.extend(ours if argument == RESUME else [argument])
    return tuple(expanded)


def parse_event(line: bytes) -> object:
    """Return the value of a line of JSON; None for any other line."""
    if not line.startswith((b"{", b"[")):
        return None
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def table(value: object) -> dict[str, object]:
    """Return a JSON object; an empty object in the place of anything else."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def text(value: object) -> str | None:
    """Return a JSON string; None in the place of anything else."""
    return value if isinstance(value, str) else None
