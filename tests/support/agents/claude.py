"""Find the pinned Claude Code and give it surroundings in which it works offline.

``scripts/install-agents`` puts it below ``build/claude/<version>/``. The package's own
script, which would link the program to its name, is not run: the program comes with
the package of the platform.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from ..lab import Lab
from ..model.codex_responses import Json
from ..model.server import ModelServer
from .codex import CHECKOUT

CURRENT: Final = "2.1.332"

_OFFLINE: Final = {
    "ANTHROPIC_API_KEY": "stub-key-for-loopback",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_MAX_RETRIES": "0",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_TELEMETRY": "1",
}
"""Telemetry, updates and feature look-ups would ask foreign hosts."""


@dataclass(frozen=True, slots=True)
class Claude:
    """One installed Claude Code.

    :param native: the program itself, under the name a user types.
    :param wrapper: the node script of the npm package that starts it as its child.
    """

    version: str
    native: Path
    wrapper: Path

    def __str__(self) -> str:
        return str(self.native)


def find_claude(version: str = CURRENT) -> Claude | None:
    """Return the installed Claude Code of ``version``, or None when it is not installed."""
    root = CHECKOUT / "build" / "claude" / version
    scope = root / "node_modules" / "@anthropic-ai"
    wrapper = scope / "claude-code" / "cli-wrapper.cjs"
    natives = sorted(scope.glob("claude-code-linux-*/claude"))
    if not ((root / "installed").is_file() and wrapper.is_file() and natives):
        return None
    return Claude(version, natives[0], wrapper)


def offline_environ(server: ModelServer) -> dict[str, str]:
    """Return the variables with which claude talks to a model server on loopback only."""
    return {**_OFFLINE, "ANTHROPIC_BASE_URL": server.root}


@contextmanager
def own_claude(lab: Lab, command: list[str]) -> Generator[subprocess.Popen[bytes]]:
    """Run a claude as its user does without codexlab; it is ended with the block."""
    with subprocess.Popen(
        command,
        env=lab.environ,
        cwd=lab.cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


def sessions_of(home: Path) -> dict[str, Path]:
    """Return the transcripts below a user's ``~/.claude``, by session id."""
    return {path.stem: path for path in home.glob(".claude/projects/*/*.jsonl")}


def prompts_in(transcript: Path) -> list[str]:
    """Return what a person sent in a session, as its transcript says."""
    return [
        content
        for line in _lines(transcript)
        if line.get("type") == "user" and isinstance(content := line["message"]["content"], str)
    ]


def _lines(transcript: Path) -> Iterator[Json]:
    for line in transcript.read_text().splitlines():
        yield cast("Json", json.loads(line))
