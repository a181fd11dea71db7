"""What agents with a provider or settings of their own get to see."""

from __future__ import annotations

import json
import mmap
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from support.agents.claude import Claude
from support.agents.codex import Codex
from support.lab import Lab
from support.model.server import ModelFactory, say

from codexlab.agents.registry import adapter_of
from codexlab.env.policy.adapters import codex_provider_names
from codexlab.env.policy.build import build_environment, tool_shell_excludes
from codexlab.env.policy.values import EnvironmentPolicy

BEDROCK = {"AWS_REGION", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK", "ANTHROPIC_BEDROCK_BASE_URL"}
AWS_KEYS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
VERTEX = {"CLOUD_ML_REGION", "ANTHROPIC_VERTEX_PROJECT_ID", "GOOGLE_APPLICATION_CREDENTIALS"}
OUTER = {
    "CLAUDECODE",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_HOST_CREDS_FILE",
    "CLAUDE_CODE_HOST_SESSION_ID",
    "CLAUDE_CODE_MESSAGING_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
    "CLAUDE_CODE_REMOTE",
    "CLAUDE_CODE_SESSION_ACCESS_TOKEN",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_ENV_FILE",
    "CLAUDE_PROJECT_DIR",
}


def kept(names: set[str], policy: EnvironmentPolicy, **values: str) -> set[str]:
    child = build_environment({**dict.fromkeys(names, "x"), **values}, policy, {})
    return names & set(child.values)


CLAUDE = EnvironmentPolicy(agent="claude")


@pytest.mark.parametrize(
    ("switch", "needed"),
    [
        ("CLAUDE_CODE_USE_BEDROCK", BEDROCK | AWS_KEYS),
        ("CLAUDE_CODE_USE_VERTEX", VERTEX),
        ("CLAUDE_CODE_USE_FOUNDRY", {"ANTHROPIC_FOUNDRY_API_KEY", "AZURE_CLIENT_SECRET"}),
        ("CLAUDE_CODE_ENABLE_TELEMETRY", {"OTEL_EXPORTER_OTLP_ENDPOINT"}),
    ],
)
def test_what_a_provider_needs_passes_with_its_switch_and_only_then(
    switch: str, needed: set[str]
) -> None:
    assert kept(needed, CLAUDE, **{switch: "1"}) == needed
    assert kept({switch}, CLAUDE) == {switch}
    for off in ({}, {switch: "0"}, {switch: ""}):
        assert kept(needed, CLAUDE, **off) == set()
    assert kept(needed, EnvironmentPolicy(), **{switch: "1"}) == set()
    assert kept(needed, EnvironmentPolicy(agent="codex"), **{switch: "1"}) == set()


def test_a_switch_that_only_the_agent_gets_counts_and_one_taken_from_it_does_not() -> None:
    on = EnvironmentPolicy(agent="claude", set_values=(("CLAUDE_CODE_USE_BEDROCK", "true"),))
    assert kept(AWS_KEYS, on) == AWS_KEYS
    off = EnvironmentPolicy(agent="claude", set_values=(("CLAUDE_CODE_USE_BEDROCK", "0"),))
    assert kept(AWS_KEYS, off, CLAUDE_CODE_USE_BEDROCK="1") == set()


def test_settings_of_claude_pass_and_what_ties_it_to_an_outer_session_never_does() -> None:
    settings = {
        "ANTHROPIC_BETAS",
        "API_TIMEOUT_MS",
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS",
        "DISABLE_AUTO_COMPACT",
        "DISABLE_COMPACT",
        "ENABLE_TOOL_SEARCH",
        "IS_SANDBOX",
    }
    assert kept(settings | OUTER, CLAUDE) == settings
    globs = EnvironmentPolicy(agent="claude", pass_names=("CLAUDE*",))
    assert kept(OUTER, globs) == set()
    assert kept(settings, EnvironmentPolicy(agent="codex")) == set()


def test_what_claude_itself_calls_a_harmless_setting_passes(claude: Claude) -> None:
    names = _settings_in(claude.native)
    assert len(names) > 200
    switches = {switch: "1" for switch, _ in adapter_of("claude").variables.switched}
    assert names - kept(names, CLAUDE, **switches) == set()


def _settings_in(program: Path) -> set[str]:
    """Return the variables that may be set by a project's file before anybody trusts it."""
    with program.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = data.find(b'["ANTHROPIC_BEDROCK_REGION_PREFIX"')
        text = data[start : data.find(b"]", start) + 1]
    return {name for name in json.loads(text) if re.fullmatch(r"[A-Z][A-Z0-9_]*", name)}


def test_root_may_let_claude_act_alone_where_the_user_says_it_is_a_sandbox(
    lab: Lab, claude: Claude, claude_model: ModelFactory
) -> None:
    claude_model([say("done")])
    lab.environ["IS_SANDBOX"] = "1"
    command = [str(claude.native), "-p", "go", "--dangerously-skip-permissions"]
    done = lab.run(["--issue", "1"], command)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_codex_asks_the_local_server_that_the_caller_names(
    lab: Lab, codex: Codex, shared_home: Path
) -> None:
    del shared_home  # it is there
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_request(self, code: object = "-", size: object = "-") -> None:
            del code, size

        def log_error(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
            del format, args

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            lab.environ["CODEX_OSS_BASE_URL"] = f"http://127.0.0.1:{server.server_port}/v1"
            words = ["exec", "--json", "--oss", "--local-provider", "ollama", "-m", "local", "hi"]
            lab.run(["--issue", "1"], [codex.native, *words])
        finally:
            server.shutdown()
            serving.join()
    assert asked


@pytest.mark.parametrize(
    ("config", "command"),
    [
        ('model_provider = "amazon-bedrock"\n', ()),
        ('[profiles.aws]\nmodel_provider = "amazon-bedrock"\n', ()),
        ("", ("codex", "exec", "-c", 'model_provider="amazon-bedrock"', "hi")),
    ],
)
def test_codex_gets_what_its_bedrock_provider_needs_and_its_tools_do_not(
    tmp_path: Path, config: str, command: tuple[str, ...]
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(config)
    names = codex_provider_names(path, command)
    policy = EnvironmentPolicy(agent="codex", provider_names=names)
    needed = AWS_KEYS | {"AWS_REGION", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK"}
    assert kept(needed, policy) == needed
    assert needed <= set(tool_shell_excludes(policy))
    assert codex_provider_names(tmp_path / "none", ("codex", "exec", "hi")) == frozenset()


def test_explain_decides_as_the_launch_does(lab: Lab) -> None:
    lab.environ.update(dict.fromkeys(BEDROCK | VERTEX, "x"), CLAUDE_CODE_USE_BEDROCK="1")
    agent = lab.cwd.parent / "claude"
    agent.write_text("#!/bin/sh\nenv\n")
    agent.chmod(0o755)
    done = lab.run(["--issue", "1"], [agent, "-p", "hi"])
    seen = {line.partition("=")[0] for line in done.stdout.splitlines()}
    assert seen & (BEDROCK | VERTEX) == BEDROCK
    explained = lab.codexlab("env", "explain", "--json", "--", agent, "-p", "hi")
    assert explained.returncode == 0, explained.stderr
    verdicts = {each["name"]: each["action"] for each in json.loads(explained.stdout)["receipt"]}
    assert {name for name in BEDROCK | VERTEX if verdicts[name] == "kept"} == BEDROCK
