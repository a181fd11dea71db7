"""What the end-to-end tests share: a task for an agent, written as a caller writes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.agents.claude import Claude
from support.agents.codex import Codex
from support.lab import Lab, Task
from support.users.callers import Caller, caller_named


@pytest.fixture
def task(codex: Codex) -> Task:
    """Build the command of one task: ``codex exec -s workspace-write --json WORDS``."""

    def build(*words: str, sandbox: str = "workspace-write") -> list[str]:
        return [str(codex.native), "exec", "-s", sandbox, "--json", *words]

    return build


@pytest.fixture
def claude_task(claude: Claude) -> Task:
    """Build the command of one task: ``claude -p WORDS --output-format stream-json``."""

    def build(*words: str, form: str = "stream-json") -> list[str]:
        shape = ["--output-format", form, *(["--verbose"] if form == "stream-json" else [])]
        return [str(claude.native), "-p", *words, *shape, "--allowedTools", "Bash"]

    return build


@pytest.fixture(params=["root", "nobody"])
def caller(request: pytest.FixtureRequest, lab: Lab, scratch: Path) -> Caller:
    """Call as root and as an ordinary user, in a home of one's own."""
    return caller_named(request.param, request, lab, scratch)
