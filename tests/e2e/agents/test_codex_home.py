"""Real codex in an issue's home sees what it would see in the user's own."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from support.agents.codex import Codex
from support.agents.codex_homes import (
    mcp_logins,
    trust_hooks,
    write_hook,
    write_mcp_logins,
    write_role,
    write_skill,
)
from support.lab import Lab, Task
from support.marks import both_codex
from support.model.server import ModelFactory, ModelServer, run_command, say
from support.terminal.at_codex import answer_trust_question
from support.terminal.person import typed

FLAGS = ["--issue", "1", "--agent", "codex"]


def sent(server: ModelServer) -> str:
    """Return the whole of the newest request."""
    return json.dumps(server.requests[-1].body)


def launch(lab: Lab, command: list[str], *flags: str) -> str:
    """Launch, expect success, and return what was said."""
    done = lab.run([*FLAGS, *flags], command)
    assert done.returncode == 0, done.stderr
    return done.stderr


@both_codex
def test_overriding_instructions_roles_and_skills_reach_the_model(
    lab: Lab, model: ModelFactory, task: Task, shared_home: Path
) -> None:
    server = model([say("one"), say("two")])
    launch(lab, ["true"])
    (shared_home / "AGENTS.md").write_text("PLAIN-INSTRUCTIONS\n")
    (shared_home / "AGENTS.override.md").write_text("OVERRIDING-INSTRUCTIONS\n")
    write_role(shared_home, "reviewer", "REVIEWS-PATCHES")
    write_skill(shared_home, "weave", "WEAVES-THREADS")
    launch(lab, task("hello"))
    for text in ("OVERRIDING-INSTRUCTIONS", "REVIEWS-PATCHES", "WEAVES-THREADS"):
        assert text in sent(server)
    assert "PLAIN-INSTRUCTIONS" not in sent(server)
    (shared_home / "AGENTS.override.md").unlink()
    (shared_home / "agents/reviewer.toml").unlink()
    launch(lab, task("hello"))
    assert "PLAIN-INSTRUCTIONS" in sent(server)
    assert "REVIEWS-PATCHES" not in sent(server)


def test_instructions_written_for_the_issue_win_over_the_users_overriding_ones(
    lab: Lab, model: ModelFactory, task: Task, shared_home: Path
) -> None:
    server = model([say("one")])
    (shared_home / "AGENTS.override.md").write_text("OVERRIDING-INSTRUCTIONS\n")
    launch(lab, ["sh", "-c", "echo OF-THE-ISSUE >$CODEX_HOME/AGENTS.md"])
    launch(lab, task("hello"))
    assert "OF-THE-ISSUE" in sent(server)
    assert "OVERRIDING-INSTRUCTIONS" not in sent(server)


@both_codex
@pytest.mark.parametrize("inline", [False, True], ids=["hooks.json", "config.toml"])
def test_a_hook_that_the_user_trusts_runs_and_one_written_here_does_not(
    lab: Lab,
    model: ModelFactory,
    codex: Codex,
    task: Task,
    shared_home: Path,
    scratch: Path,
    inline: bool,
) -> None:
    model([say("one"), say("two"), say("three")])
    marker = scratch / "hook-ran"
    if inline:
        hook = f'{{ hooks = [{{ type = "command", command = "echo ran >>{marker}" }}] }}'
        with (shared_home / "config.toml").open("a") as file:
            file.write(f"\n[hooks]\nSessionStart = [{hook}]\n")
    else:
        write_hook(shared_home, f"echo ran >>{marker}")
    launch(lab, task("hello"))
    assert not marker.exists()
    trust_hooks(codex, shared_home, lab.environ, lab.cwd)
    launch(lab, task("hello"))
    assert marker.read_text() == "ran\n"
    home = lab.workspace / "codex-home"
    (home / "hooks.json").unlink(missing_ok=True)
    write_hook(home, f"echo forged >>{marker}")
    launch(lab, task("hello"))
    assert "forged" not in marker.read_text()


def test_a_users_trust_in_a_hook_is_withdrawn_where_it_was_withdrawn(
    lab: Lab, codex: Codex, shared_home: Path, model: ModelFactory
) -> None:
    model([])
    write_hook(shared_home, "true")
    before = (shared_home / "config.toml").read_text()
    trust_hooks(codex, shared_home, lab.environ, lab.cwd)
    launch(lab, ["true"])
    config = lab.workspace / "codex-home/config.toml"
    assert str(lab.workspace / "codex-home/hooks.json") in config.read_text()
    (shared_home / "config.toml").write_text(before)
    launch(lab, ["true"])
    assert "trusted_hash" not in config.read_text()


@both_codex
def test_logins_of_mcp_servers_are_found_and_a_logout_here_is_one_there(
    lab: Lab, codex: Codex, shared_home: Path, model: ModelFactory
) -> None:
    model([])
    write_mcp_logins(shared_home, "docs", "wiki")
    assert launch(lab, [str(codex.native), "mcp", "logout", "docs"]) == ""
    assert mcp_logins(shared_home) == {"wiki"}
    done = lab.run(FLAGS, [str(codex.native), "mcp", "list"])
    assert "OAuth" in next(line for line in done.stdout.splitlines() if line.startswith("wiki"))
    (shared_home / ".credentials.json").unlink()
    launch(lab, ["true"])
    assert mcp_logins(lab.workspace / "codex-home") == set()


def test_a_login_made_in_the_issue_stays_where_the_user_has_none(
    lab: Lab, shared_home: Path
) -> None:
    launch(lab, ["sh", "-c", "echo '{\"a|1\": {}}' >$CODEX_HOME/.credentials.json"])
    launch(lab, ["true"])
    assert mcp_logins(lab.workspace / "codex-home") == {"a"}
    assert not (shared_home / ".credentials.json").exists()
    write_mcp_logins(shared_home, "docs")
    said = launch(lab, ["true"])
    assert ".credentials.json.aside-1" in said
    aside = lab.workspace / "codex-home/.credentials.json.aside-1"
    assert (aside.read_text(), aside.stat().st_mode & 0o777) == ('{"a|1": {}}\n', 0o600)
    assert mcp_logins(lab.workspace / "codex-home") == {"docs"}


@both_codex
def test_a_profile_and_the_files_it_names_are_found(
    lab: Lab, model: ModelFactory, codex: Codex, shared_home: Path
) -> None:
    server = model([say("one")])
    (shared_home / "deep.config.toml").write_text(
        'model = "profiled-model"\nmodel_instructions_file = "notes/deep.md"\n'
    )
    (shared_home / "notes").mkdir()
    (shared_home / "notes/deep.md").write_text("INSTRUCTIONS-OF-THE-PROFILE\n")
    launch(lab, [str(codex.native), "exec", "--profile", "deep", "hello"])
    assert server.requests[-1].body["model"] == "profiled-model"
    assert "INSTRUCTIONS-OF-THE-PROFILE" in sent(server)
    (shared_home / "deep.config.toml").unlink()
    launch(lab, ["true"])
    assert not (lab.workspace / "codex-home/deep.config.toml").is_symlink()


def test_what_codex_loads_by_itself_is_seen_as_in_a_bare_run_and_masked_in_logs(
    lab: Lab, model: ModelFactory, task: Task, shared_home: Path
) -> None:
    server = model([run_command("echo $FROM_DOTENV-$CODEX_FORGED"), say("done")])
    (shared_home / ".env").write_text("FROM_DOTENV=seen\nCODEX_FORGED=no\nA_TOKEN=tok-0123456789\n")
    launch(lab, task("hello"))
    assert "seen-" in server.requests[-1].tool_outputs[0]
    lab.run(FLAGS, ["sh", "-c", "cat $CODEX_HOME/.env"])
    log = lab.run_directory(lab.records[-1]) / "stdout.log"
    assert "tok-0123456789" not in log.read_text()


def test_memories_have_no_effect_here_and_one_line_says_so(lab: Lab, shared_home: Path) -> None:
    (shared_home / "memories").mkdir()
    (shared_home / "memories/MEMORY.md").write_text("remember\n")
    assert launch(lab, ["true"]).count("memories: has no effect here") == 1
    assert launch(lab, ["true"]) == ""


@both_codex
def test_a_database_of_the_users_own_is_not_written_from_an_issue_and_one_line_says_so(
    lab: Lab, model: ModelFactory, codex: Codex, task: Task, shared_home: Path, scratch: Path
) -> None:
    model([say("one"), say("two")])
    databases = scratch / "databases"
    databases.mkdir()
    edit(shared_home, lambda text: f'sqlite_home = "{databases}"\n{text}')
    assert launch(lab, task("hello")).count("sqlite_home is left out here") == 1
    assert not list(databases.iterdir())
    assert "sqlite_home" not in of_the_issue(lab)
    assert "sqlite_home" not in launch(lab, task("hello"))
    # A change of the rest is still followed.
    edit(shared_home, lambda text: text.replace("stub-model", "newer-model"))
    launch(lab, ["true"])
    assert of_the_issue(lab)["model"] == "newer-model"
    assert "sqlite_home" not in of_the_issue(lab)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('sqlite_home = "/srv/databases"', "sqlite_home is left out here"),
        ('cli_auth_credentials_store = "keyring"', "finds no login here"),
        ('cli_auth_credentials_store = "auto"', "finds no login here"),
        ("model = ", "passed on as it is"),
    ],
)
def test_what_does_not_work_in_an_issue_is_told_by_every_command_that_says_what_a_launch_does(
    lab: Lab, shared_home: Path, text: str, said: str
) -> None:
    (shared_home / "auth.json").unlink(missing_ok=True)
    (shared_home / "config.toml").write_text(f"{text}\n")
    dry = lab.run([*FLAGS, "--dry-run"], ["true"])
    explained = explain(lab)
    assert (dry.returncode, explained.returncode) == (0, 0)
    for told in (dry.stdout + dry.stderr, explained.stderr, launch(lab, ["true"])):
        assert told.count(said) == 1


def test_links_follow_to_another_shared_home(lab: Lab, shared_home: Path, scratch: Path) -> None:
    (shared_home / "AGENTS.md").write_text("first")
    (shared_home / "hooks.json").write_text("{}")
    launch(lab, ["true"])
    other = scratch / "other-home"
    other.mkdir()
    (other / "AGENTS.md").write_text("second")
    lab.environ["CODEX_HOME"] = str(other)
    launch(lab, ["true"])
    home = lab.workspace / "codex-home"
    assert (home / "AGENTS.md").read_text() == "second"
    assert not (home / "hooks.json").is_symlink()


@both_codex
def test_what_codex_writes_by_itself_is_kept_and_the_rest_goes_on_following(
    lab: Lab, model: ModelFactory, codex: Codex, task: Task, shared_home: Path
) -> None:
    server = model([say("done"), say("done")])
    with typed(lab, FLAGS, [str(codex.native)]) as run:
        answer_trust_question(run.screen)
        run.screen.wait_for("stub-model")
        run.screen.wait_until(lambda: "projects" in of_the_issue(lab))
        assert run.press_until_end("\x03") == 0
    noted = of_the_issue(lab)["projects"]
    edit(shared_home, lambda text: text.replace("stub-model", "newer-model"))
    assert "config.toml" not in launch(lab, task("hello"))
    assert server.requests[-1].body["model"] == "newer-model"
    assert of_the_issue(lab)["projects"] == noted
    edit(shared_home, lambda text: text.replace("newer-model", "newest-model"))
    assert "config.toml" not in launch(lab, task("hello"))
    assert server.requests[-1].body["model"] == "newest-model"


def explain(lab: Lab) -> subprocess.CompletedProcess[str]:
    """Run ``codexlab env explain`` for the same launch."""
    return lab.codexlab("env", "explain", *FLAGS, "--", "true")


def edit(home: Path, change: Callable[[str], str]) -> None:
    """Change the configuration of a home."""
    path = home / "config.toml"
    path.write_text(change(path.read_text()))


def of_the_issue(lab: Lab) -> dict[str, object]:
    """Return what the issue's configuration says."""
    return tomllib.loads((lab.workspace / "codex-home/config.toml").read_text())
