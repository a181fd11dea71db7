"""When a pipe on stdin is where the agent's prompt comes from."""

from __future__ import annotations

import re
import subprocess

import pytest
from support.agents.codex import Codex
from support.marks import both_codex

from codexlab.agents.adapter import Reads
from codexlab.agents.codex.piped_prompts import (
    CODEX_SEVERAL,
    CODEX_SWITCHES,
    CODEX_VALUED,
)
from codexlab.agents.recognition import detect_agent, own_words
from codexlab.agents.registry import adapter_of

THREAD = "019a1b2c-3d4e-7f50-8a9b-0c1d2e3f4a5b"
_OPTION = re.compile(r"^ +(?:(-\w), )?(--[\w-]+)(?: (<.*))?$", re.MULTILINE)


def reads(command: str) -> Reads:
    words = command.split()
    return adapter_of(detect_agent(words)).reads_prompt(own_words(words))


@pytest.mark.parametrize(
    "command",
    [
        "codex exec -",
        "codex exec",
        "codex e --json",
        "codex exec -s workspace-write --json",
        "codex exec --sandbox=workspace-write -mfoo",
        "codex exec --thread-source automation",
        "codex exec --cyber-access-program standard --remote ws://x --remote-auth-token-env T",
        "codex exec -i a.png b.png",
        "codex exec --image a.png prompt-that-codex-takes-for-a-file",
        "codex exec --output-schema=x.json",
        "codex --ask-for-approval never exec",
        f"codex exec resume {THREAD}",
        "codex exec resume --last",
        f"codex exec fork {THREAD}",
        "codex exec review -",
        "codex app-server",
        "codex login --with-api-key",
        "npx -y @openai/codex exec --thread-source automation",
        "timeout 60 codex exec --json",
        "claude",
        "claude -p",
        "claude -p prompt",
        "sh -c cat",
    ],
)
def test_a_pipe_is_read_where_no_prompt_is_given(command: str) -> None:
    assert reads(command) is Reads.YES


@pytest.mark.parametrize(
    "command",
    [
        "codex exec prompt",
        "codex exec -s workspace-write prompt",
        "codex exec -m model --json -- prompt",
        "codex exec -i a.png --json prompt",
        "codex exec --image=a.png prompt",
        "codex exec --thread-source automation prompt",
        "codex exec --future=value prompt",
        "codex exec --future value prompt",
        f"codex exec resume {THREAD} prompt",
        f"codex exec resume {THREAD} -i a.png prompt",
        "codex exec resume --last prompt",
        f"codex exec fork {THREAD} prompt",
        "codex exec review --uncommitted",
        "codex exec review --base main",
        "nice codex exec prompt",
    ],
)
def test_a_pipe_is_left_where_a_prompt_is_given(command: str) -> None:
    assert reads(command) is Reads.NO


@pytest.mark.parametrize(
    "command", ["codex exec --future value-or-prompt", "codex exec --json --future word"]
)
def test_what_follows_an_option_of_a_newer_codex_is_in_doubt(command: str) -> None:
    assert reads(command) is Reads.UNSURE


@both_codex
@pytest.mark.parametrize("command", ["", "exec", "exec resume", "exec review", "exec fork"])
def test_every_option_that_real_codex_lists_is_known_by_what_it_takes(
    codex: Codex, clean_environ: dict[str, str], command: str
) -> None:
    text = subprocess.run(
        [codex.native, *command.split(), "--help"],
        env=clean_environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
        timeout=60,
    ).stdout  # fmt: skip
    valued: set[str] = set()
    several: set[str] = set()
    switches: set[str] = set()
    for short, long, value in _OPTION.findall(text):
        found = several if value.endswith("...") else valued if value else switches
        found.update({short, long} - {""})
    assert {"-c", "-m"} <= valued
    assert several <= CODEX_SEVERAL
    assert valued - CODEX_SEVERAL <= CODEX_VALUED
    assert switches <= CODEX_SWITCHES
    assert not CODEX_VALUED & CODEX_SWITCHES
