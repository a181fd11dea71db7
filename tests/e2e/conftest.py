"""What the end-to-end tests share: a task for codex, written as a caller writes it."""

from __future__ import annotations

import pytest
from support.lab import Task
from support.real_codex import Codex


@pytest.fixture
def task(codex: Codex) -> Task:
    """Build the command of one task: ``codex exec -s workspace-write --json WORDS``."""

    def build(*words: str, sandbox: str = "workspace-write") -> list[str]:
        return [str(codex.native), "exec", "-s", sandbox, "--json", *words]

    return build
