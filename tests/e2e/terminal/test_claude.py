"""Real Claude Code at a terminal: its session is known, and the next task goes on with it."""

from __future__ import annotations

import json
from pathlib import Path

from support.agents.claude import Claude, prompts_in, sessions_of
from support.lab import Lab, Task
from support.model.server import ModelFactory, say
from support.terminal.person import typed

KEY_END = "stub-key-for-loopback"[-20:]


def settle_in(home: Path, workdirs: Path) -> None:
    """Answer beforehand what claude asks its user once for all: greetings, key and trust."""
    trusted = {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
    (home / ".claude.json").write_text(
        json.dumps(
            {
                "hasCompletedOnboarding": True,
                "theme": "dark",
                "customApiKeyResponses": {"approved": [KEY_END], "rejected": []},
                "projects": {str(workdirs): trusted},
            }
        )
    )


def test_the_session_in_which_the_screen_was_left_is_resumed_by_the_next_task(
    lab: Lab,
    claude: Claude,
    claude_model: ModelFactory,
    claude_task: Task,
    user_home: Path,
) -> None:
    server = claude_model(lambda request: say(f"reply {len(request.prompts)}"))
    settle_in(user_home, lab.cwd)
    with typed(lab, ["--issue", "1"], [str(claude.native)]) as run:
        run.screen.answering = True
        run.screen.wait_for("effort")
        for words, answer in (("hello", "reply"), ("/clear", "effort"), ("goodbye", "reply")):
            run.screen.type(words)
            run.screen.wait_for(words)
            run.screen.type("\r")
            run.screen.wait_for(answer)
        run.screen.type("/exit")
        run.screen.wait_for("/exit")
        run.screen.type("\r")
        assert run.wait_end() == 0
        assert run.screen.settings == run.before
    (record,) = lab.records
    sessions = {prompts_in(path)[-1]: name for name, path in sessions_of(user_home).items()}
    assert record["thread"] == sessions["goodbye"]
    done = lab.run(["--issue", "1"], claude_task("{resume}", "once more"))
    assert done.returncode == 0, done.stderr
    assert server.requests[-1].prompts[-2:] == ["goodbye", "once more"]
    assert "hello" not in server.requests[-1].prompts
