"""``--network`` at the command line: what is refused, and where the answer is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.lab import Lab

from codexlab.supervisor.plan import plan_run
from codexlab.supervisor.request import LaunchRequest
from codexlab.supervisor.settings.errors import SettingError

REFUSED = "[sandbox_workspace_write]\nnetwork_access = false\n"
AS_CODEX = ("--issue", "1", "--agent", "codex")


def plan(lab: Lab, *flags: str) -> dict[str, Any]:
    shown = lab.run([*AS_CODEX, *flags, "--dry-run", "--json"], ["true"])
    assert shown.returncode == 0, shown.stderr
    answer: dict[str, Any] = json.loads(shown.stdout)
    return answer


def said(source: dict[str, Any]) -> tuple[str | None, str | None]:
    return source["network"], source["network_decided_by"]


def test_a_dry_run_says_what_would_hold_and_who_decides(lab: Lab, shared_home: Path) -> None:
    assert said(plan(lab)) == ("on", "default")
    assert said(plan(lab, "--network", "off")) == ("off", "setting")
    (shared_home / "config.toml").write_text(REFUSED)
    assert said(plan(lab)) == ("off", "config.toml")
    assert said(plan(lab, "--network", "on")) == ("on", "setting")
    shown = lab.run([*AS_CODEX, "--dry-run"], ["true"]).stdout.splitlines()
    assert "network             off" in shown
    assert "network decided by  config.toml" in shown
    assert not lab.workspaces_root.exists() or not list(lab.workspaces_root.glob("*/*"))


def test_the_first_line_the_record_and_the_event_say_it(lab: Lab, shared_home: Path) -> None:
    (shared_home / "config.toml").write_text(REFUSED)
    for flags, line, answer in (
        ((), "network off (your config.toml)", ("off", "config.toml")),
        (("--network", "on"), "network on (--network)", ("on", "setting")),
    ):
        done = lab.run([*AS_CODEX, "-v", *flags], ["true"])
        assert done.stderr.splitlines()[0].endswith(f"; {line}"), done.stderr
        record = lab.records[-1]
        assert said(record) == answer
        events = (lab.run_directory(record) / "events.ndjson").read_text().splitlines()
        (ready,) = (
            event for event in map(json.loads, events) if event["event"] == "workspace.ready"
        )
        assert said(ready) == answer
    assert said(plan(lab)) == ("off", "config.toml")


@pytest.mark.parametrize("agent", ["generic", "claude"])
def test_off_is_refused_for_an_agent_that_cannot_be_told(lab: Lab, agent: str) -> None:
    flags = ["--issue", "1", "--agent", agent, "--network"]
    for more in ((), ("--dry-run",)):
        refused = lab.run([*flags, "off", *more], ["true"])
        assert refused.returncode == 125
        assert refused.stderr == (
            f"codexlab-run: --network off: codexlab cannot close the network of agent '{agent}';"
            " expected --agent codex; leave it out, and let the agent's own settings close it\n"
        )
    assert lab.run([*flags, "on"], ["true"]).returncode == 0
    assert said(lab.records[-1]) == (None, None)


def test_a_refusal_names_the_variable_that_asked(lab: Lab) -> None:
    lab.environ["CODEXLAB_NETWORK"] = "off"
    refused = lab.run(["--issue", "1"], ["true"])
    assert refused.returncode == 125
    assert "CODEXLAB_NETWORK" in refused.stderr
    assert lab.run(["--issue", "1", "--network", "on"], ["true"]).returncode == 0


def test_a_configuration_that_turns_the_sandbox_off_is_told(lab: Lab, shared_home: Path) -> None:
    (shared_home / "config.toml").write_text('sandbox_mode = "danger-full-access"\n')
    line = (
        "--network off does not hold: config.toml turns codex's sandbox off, so the network is on"
    )
    assert line in plan(lab, "--network", "off")["notes"]
    done = lab.run([*AS_CODEX, "--network", "off"], ["true"])
    assert done.stderr == f"codexlab-run: {line}\n"
    assert said(lab.records[-1]) == ("on", "config.toml")


def test_a_checkouts_file_that_may_open_the_network_refuses_a_dry_run(lab: Lab) -> None:
    (lab.cwd / ".codex").mkdir()
    (lab.cwd / ".codex" / "config.toml").write_text("sandbox_mode = 'danger-full-access'\n")
    refused = lab.run([*AS_CODEX, "--network", "off", "--dry-run"], ["true"])
    assert refused.returncode == 125
    assert refused.stderr.count("\n") == 1
    assert "may decide otherwise; give the command -s workspace-write" in refused.stderr


def test_the_project_file_cannot_open_or_close_it(lab: Lab) -> None:
    (lab.cwd / ".codexlab.toml").write_text('network = "on"\n')
    refused = lab.run(AS_CODEX, ["true"])
    assert refused.returncode == 125
    assert "network" in refused.stderr


@pytest.mark.parametrize("word", ["", "yes", "ON", "true"])
def test_another_word_is_one_line(lab: Lab, word: str) -> None:
    refused = lab.run([*AS_CODEX, "--network", word], ["true"])
    assert refused.returncode == 125
    assert refused.stderr.count("\n") == 1
    assert refused.stderr.startswith("codexlab-run: --network: expected ")


def test_another_word_of_an_embedding_host_is_refused(lab: Lab) -> None:
    request = LaunchRequest(
        issue="1",
        command=("true",),
        environ=lab.environ,
        cwd=lab.cwd,
        workspaces_root=lab.workspaces_root,
        shared_home=lab.cwd,
        network="closed",
    )
    with pytest.raises(SettingError, match="--network: expected on or off, not 'closed'"):
        plan_run(request)
