"""codex, as its versions 0.135 to 0.171 are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..adapter import Adapter, Readers, Reads, StreamNews, Variables
from ..agent_name import AgentName
from ..network import ConfiguredNetwork, Network
from .deep_socket import socket_too_deep
from .piped_prompts import reads_prompt_from_stdin
from .stream import choose_readers, read_farewell

if TYPE_CHECKING:
    from ..conversation import ReadSaid

_SETTINGS = (
    "OPENAI_BASE_URL OPENAI_ORGANIZATION OPENAI_PROJECT CODEX_OSS_BASE_URL CODEX_OSS_PORT RUST_LOG"
)


class Codex(Adapter):
    """OpenAI codex. It locks its own threads, and keeps them in the issue's codex-home."""

    name = AgentName.CODEX
    resumable = True
    keeps_rollouts = True
    tells_its_end = True
    answers_on_stdout = True
    names_in_config = True
    hides_keys_from_tools = True
    takes_network = True

    @property
    def variables(self) -> Variables:
        """Return its keys and settings; the shared config may name more."""
        return Variables(
            "OPENAI_API_KEY CODEX_API_KEY", ((_SETTINGS, "codex reaches its own provider"),)
        )

    def resume_arguments(self, thread: str) -> tuple[str, ...]:
        """Return the words that resume a thread, which codex does from any directory."""
        return ("resume", thread)

    def reads_prompt(self, words: Sequence[str]) -> Reads:
        """Tell whether its prompt is ``-``, or missing."""
        return reads_prompt_from_stdin(words)

    def readers(self, words: Sequence[str]) -> Readers:
        """Return what reads its events, its protocol or its banner."""
        return choose_readers(words)

    def said_reader(self) -> ReadSaid:
        """Return what makes a conversation of its events."""
        from .conversation import read_said  # no launch needs it

        return read_said

    def read_screen_line(self, line: bytes) -> StreamNews:
        """Read its farewell, which names the thread."""
        return read_farewell(line)

    def network(
        self, words: Sequence[str], configured: ConfiguredNetwork, workdir: Path
    ) -> Network:
        """Tell what its command, its sandbox and the files above config.toml make of it."""
        from .network import network_of_codex  # here: only a launch asks

        return network_of_codex(words, configured, workdir)

    def foresee_trouble(self, command: Sequence[str], codex_home: Path) -> str | None:
        """Return a line where the codex-home lies too deep for the app-server's socket."""
        return socket_too_deep(command, codex_home)
