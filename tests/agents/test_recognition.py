"""Which agent a command runs, by whatever it is started."""

from __future__ import annotations

import shlex

import pytest
from support.lab import Lab

from codexlab.agents.recognition import detect_agent, own_words, program_words

RELEASES = "/opt/codex-x86_64-unknown-linux-musl"


@pytest.mark.parametrize(
    ("command", "agent", "words"),
    [
        ("codex", "codex", "codex"),
        ("/opt/bin/codex exec", "codex", "/opt/bin/codex exec"),
        ("/opt/lib/codex.js x", "codex", "/opt/lib/codex.js x"),
        (f"{RELEASES} exec", "codex", f"{RELEASES} exec"),
        ("./codex-aarch64-unknown-linux-gnu", "codex", "./codex-aarch64-unknown-linux-gnu"),
        ("claude -p", "claude", "claude -p"),
        ("/usr/lib/node_modules/@anthropic-ai/claude-code/bin/claude.exe -p", "claude", None),
        ("/home/u/.local/share/claude/versions/2.1.332 -p hi", "claude", None),
        ("npx codex exec", "codex", "codex exec"),
        ("npx -y @openai/codex exec hi", "codex", "@openai/codex exec hi"),
        ("npx --yes @openai/codex@0.171.0 exec", "codex", "@openai/codex@0.171.0 exec"),
        ("npx -p @openai/codex codex exec", "codex", "codex exec"),
        ("npx --package=@openai/codex -- codex exec", "codex", "codex exec"),
        ("npx @anthropic-ai/claude-code -p hi", "claude", "@anthropic-ai/claude-code -p hi"),
        ("npm exec -y -- @openai/codex exec", "codex", "@openai/codex exec"),
        ("npm exec @openai/codex -- exec hi", "codex", "@openai/codex exec hi"),
        ("npm x codex exec", "codex", "codex exec"),
        ("pnpm dlx @openai/codex@latest exec", "codex", "@openai/codex@latest exec"),
        ("pnpm codex exec", "codex", "codex exec"),
        ("yarn dlx -q @openai/codex exec", "codex", "@openai/codex exec"),
        ("bunx --bun @openai/codex exec", "codex", "@openai/codex exec"),
        ("bun x @openai/codex exec", "codex", "@openai/codex exec"),
        ("deno run -A npm:@openai/codex exec", "codex", "npm:@openai/codex exec"),
        ("uvx codex exec", "codex", "codex exec"),
        ("uv run --with x codex exec", "codex", "codex exec"),
        ("env A=1 B= codex exec", "codex", "codex exec"),
        ("/usr/bin/env -i -u C -C /tmp A=1 codex exec", "codex", "codex exec"),
        ("timeout 60 codex exec", "codex", "codex exec"),
        ("timeout -k 5 --signal=INT 60 claude -p", "claude", "claude -p"),
        ("nice codex exec", "codex", "codex exec"),
        ("nice -n 5 ionice -c 3 timeout 9 codex e", "codex", "codex e"),
        ("nohup setsid -w stdbuf -oL codex exec", "codex", "codex exec"),
        ("node /x/@openai/codex/bin/codex.js exec", "codex", "/x/@openai/codex/bin/codex.js exec"),
        ("node --no-warnings /x/@anthropic-ai/claude-code/cli.js -p", "claude", None),
        ("mise exec node@22 -- codex exec", "codex", "codex exec"),
        ("direnv exec . codex exec", "codex", "codex exec"),
    ],
)
def test_an_agent_is_known_through_what_starts_it(
    command: str, agent: str, words: str | None
) -> None:
    given = shlex.split(command)
    assert detect_agent(given) == agent
    if words is not None:
        assert own_words(given) == tuple(shlex.split(words))


@pytest.mark.parametrize(
    "command",
    [
        "codex-wrapper",
        "mycodex exec",
        "sh -c 'codex exec'",
        "bash codex",
        "sudo codex exec",
        "npx some-tool codex",
        "npx -c 'codex exec'",
        "npm run codex",
        "npx @other/codex exec",
        "env -S 'codex exec'",
        "env",
        "env A=1",
        "timeout 60",
        "timeout codex",
        "grep codex",
        "node -e codex",
        "cat /x/@openai/codex/README.md",
        "/x/@anthropic-ai/claude-code/vendor/rg codex",
        "/opt/versions/2.1.332",
        "nice " * 20 + "codex",
    ],
)
def test_whatever_else_stands_in_a_command_is_no_agent(command: str) -> None:
    given = shlex.split(command)
    assert detect_agent(given) == "generic"
    assert own_words(given) == tuple(given)


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("codex exec --json go", "codex"),
        ("/opt/codex/bin/codex exec go", "/opt/codex/bin/codex"),
        ("npx -y @openai/codex exec go", "npx -y @openai/codex"),
        ("npm exec @openai/codex -- exec go", "npm exec @openai/codex --"),
        ("node /x/@openai/codex/bin/codex.js exec", "node /x/@openai/codex/bin/codex.js"),
        ("mise exec node@22 -- codex exec", "mise exec node@22 -- codex"),
        # Their limits and values are of one run.
        ("timeout -k 5 600 codex exec go", "codex"),
        ("env A=1 nice -n 5 npx codex exec go", "npx codex"),
        ("claude -p go", "claude"),
        ("sh -c 'codex exec go'", ""),
        ("", ""),
    ],
)
def test_the_program_of_an_agent_is_what_starts_it_without_its_arguments(
    command: str, program: str
) -> None:
    assert program_words(shlex.split(command)) == tuple(shlex.split(program))


def test_what_cannot_go_on_is_refused_and_says_how_to_name_it(lab: Lab) -> None:
    done = lab.run(["--issue", "1"], ["sh", "-c", 'touch ran; codex "$@"', "sh", "{resume}", "go"])
    assert done.returncode == 125
    assert done.stderr == (
        "codexlab-run: {resume} cannot be replaced: 'sh' is not known as an agent;"
        " say which it is (--agent codex or claude), or leave it out\n"
    )
    assert not lab.workspaces_root.exists()


def test_an_agent_without_sessions_cannot_go_on_either(lab: Lab) -> None:
    done = lab.run(["--issue", "1", "--agent", "generic", "--dry-run"], ["codex", "{resume}"])
    assert done.returncode == 125
    assert done.stderr == (
        "codexlab-run: {resume} cannot be replaced: codexlab knows no sessions of agent 'generic';"
        " expected --agent codex or claude, or leave it out\n"
    )


def test_a_command_that_is_said_to_be_codex_may_hold_the_placeholder(lab: Lab) -> None:
    done = lab.run(["--issue", "1", "--agent", "codex"], ["echo", "exec", "{resume}", "go"])
    assert (done.returncode, done.stdout) == (0, "exec go\n"), done.stderr


def test_codex_by_any_name_has_the_workspace_of_codex_and_its_keys(lab: Lab) -> None:
    lab.environ["OPENAI_API_KEY"] = "key-of-the-caller"
    done = lab.run(["--issue", "1"], ["env", "X=1", "timeout", "60", "true"])
    assert done.returncode == 0, done.stderr
    codex = lab.cwd.parent / "codex-x86_64-unknown-linux-musl"
    codex.write_text('#!/bin/sh\necho "$X $OPENAI_API_KEY"\n')
    codex.chmod(0o755)
    done = lab.run(["--issue", "1"], ["env", "X=1", "timeout", "60", codex, "exec", "hi"])
    assert (done.returncode, done.stdout) == (0, "1 key-of-the-caller\n"), done.stderr
    assert [record["agent"] for record in lab.records] == ["generic", "codex"]
