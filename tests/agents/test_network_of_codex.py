"""Whether codex's tools reach the network, by its command and its configuration."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from codexlab.agents.agent_name import AgentName
from codexlab.agents.network import ConfiguredNetwork, Network, NetworkAccess, NetworkDecider
from codexlab.agents.registry import adapter_of

OPEN = "sandbox_workspace_write.network_access=true"
CLOSED = ConfiguredNetwork(open=False, decided_by=NetworkDecider.SETTING)
UNSANDBOXED = ConfiguredNetwork(
    open=False, decided_by=NetworkDecider.SETTING, sandbox="danger-full-access"
)
PERMISSIONS = ConfiguredNetwork(
    open=False, decided_by=NetworkDecider.SETTING, sandbox="default_permissions"
)


def network(command: str, workdir: Path, configured: ConfiguredNetwork = CLOSED) -> Network:
    found = adapter_of(AgentName.CODEX).network(command.split(), configured, workdir)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("command", "access", "decided_by"),
    [
        ("codex exec fix", "off", "setting"),
        ("codex exec -s workspace-write fix", "off", "setting"),
        ("codex exec --full-auto fix", "off", "setting"),
        ("codex exec -- -s danger-full-access", "off", "setting"),
        ("codex exec -m --yolo fix", "off", "setting"),
        ("codex exec -s danger-full-access fix", "on", "command"),
        ("codex exec -sdanger-full-access fix", "on", "command"),
        ("codex -s=danger-full-access", "on", "command"),
        ("codex --sandbox=danger-full-access exec fix", "on", "command"),
        ("codex exec --yolo fix", "on", "command"),
        ("codex exec --dangerously-bypass-approvals-and-sandbox -s read-only", "on", "command"),
        ("codex exec -c sandbox_mode=danger-full-access fix", "on", "command"),
        ('codex exec -c sandbox_mode="danger-full-access" fix', "on", "command"),
        ("codex exec -s read-only fix", "off", "command"),
        (f"codex exec -c {OPEN} fix", "on", "command"),
        (f"codex exec --config={OPEN} fix", "on", "command"),
        (f"codex exec -c{OPEN} fix", "on", "command"),
        ("codex exec -c sandbox_workspace_write={network_access=true} fix", "on", "command"),
        ("codex exec -c sandbox_workspace_write={writable_roots=[]} fix", "off", "setting"),
        (f"codex exec -s read-only -c {OPEN}", "off", "command"),
        ("codex exec -p work fix", None, "profile"),
        ("codex exec -c profile=work fix", None, "profile"),
        (f"codex exec -p work -s workspace-write -c {OPEN} fix", "on", "command"),
        ("codex exec -c default_permissions=mine fix", None, "command"),
        ("codex exec --ignore-user-config fix", "off", "command"),
    ],
)
def test_the_command_stands_above_the_configuration(
    tmp_path: Path, command: str, access: str | None, decided_by: str
) -> None:
    found = network(command, tmp_path)
    assert (found.access, found.decided_by) == (access, decided_by)


def test_a_sandbox_of_the_configuration_counts_where_the_command_names_none(
    tmp_path: Path,
) -> None:
    assert network("codex exec fix", tmp_path, UNSANDBOXED).access is NetworkAccess.ON
    assert network("codex exec fix", tmp_path, PERMISSIONS).access is None
    for configured in (UNSANDBOXED, PERMISSIONS):
        given = network("codex exec -s workspace-write fix", tmp_path, configured)
        assert given.access is NetworkAccess.OFF


@pytest.mark.parametrize("name", ["claude", "generic"])
def test_nothing_is_claimed_of_an_agent_whose_ways_we_do_not_know(
    tmp_path: Path, name: str
) -> None:
    agent = adapter_of(AgentName(name))
    assert not agent.takes_network
    assert agent.network((name,), CLOSED, tmp_path) is None


@pytest.mark.parametrize(
    ("text", "decides"),
    [
        ("[sandbox_workspace_write]\nnetwork_access = true\n", True),
        ('"sandbox\\u005fmode" = "danger-full-access"\n', True),
        ("profile = 'x'\n", True),
        ("not toml", True),
        ("a = " + "[" * 50_000, True),
        ("model = 'm'\n", False),
    ],
    ids=["table", "escaped", "profile", "broken", "deep", "harmless"],
)
def test_a_file_of_the_project_may_decide_otherwise(
    tmp_path: Path, text: str, decides: bool
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex" / "config.toml").write_text(text)
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    for place, command in ((tmp_path, "codex"), (inner, "codex"), (tmp_path, "codex -C a/b")):
        found = network(command, place)
        assert (found.decided_by is NetworkDecider.PROJECT) is decides
    above = network("codex -s workspace-write -c " + OPEN, inner)
    assert above.decided_by is NetworkDecider.COMMAND


def test_a_fifo_in_the_projects_place_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / ".codex").mkdir()
    os.mkfifo(tmp_path / ".codex" / "config.toml")
    assert network("codex exec fix", tmp_path).access is None
