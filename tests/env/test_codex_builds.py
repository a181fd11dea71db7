"""Real codex, in its own sandbox, builds where codexlab routed cargo to."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.agents.codex import Codex
from support.git.repositories import git
from support.lab import Lab
from support.model.server import ModelFactory, run_command, say

from codexlab.env.artifact_root import ARTIFACT_ROOT_VARIABLE

BUILD = 'cargo build --message-format=json --quiet; echo "left $?"; env | grep -E "CARGO|CODEX_LAB"'


@pytest.fixture
def rust_lab(lab: Lab, cargo: dict[str, str], crate: Path, root: Path) -> Lab:
    """A caller in a repository that holds a crate, with an artifact root and a leaky shell."""
    for path in ("Cargo.toml", "src/main.rs"):
        (lab.cwd / path).parent.mkdir(exist_ok=True)
        (lab.cwd / path).write_text((crate / path).read_text())
    git(lab.cwd, "add", "Cargo.toml", "src/main.rs")
    git(lab.cwd, "commit", "-q", "-m", "crate")
    git(lab.cwd, "remote", "add", "origin", "https://u:hunter2hunter2@example.org/team/app.git")
    lab.environ.update(cargo)
    lab.environ[ARTIFACT_ROOT_VARIABLE] = str(root)
    lab.environ["CARGO_TARGET_DIR"] = str(root / "leaked")
    lab.environ["CODEX_LAB_CARGO_TARGET_DIR"] = str(root / "leaked")
    return lab


def build(lab: Lab, codex: Codex, issue: str) -> None:
    flags = ["--issue", issue, "--pass", "CARGO_NET_OFFLINE"]
    done = lab.run(flags, [codex.native, "exec", "-s", "workspace-write", "--json", "build"])
    assert done.returncode == 0, done.stderr


def test_codexs_sandboxed_tool_builds_in_the_routed_target_and_warm_the_second_time(
    rust_lab: Lab, model: ModelFactory, codex: Codex, root: Path
) -> None:
    server = model([run_command(BUILD, wait_ms=60_000), say("built")] * 2)
    build(rust_lab, codex, "7")
    build(rust_lab, codex, "7")
    first, second = ("".join(server.requests[number].tool_outputs) for number in (1, 3))
    assert "left 0" in first, first
    (target,) = (root / "local" / "app" / "worktrees").glob("7-*/cargo-target/*")
    assert (target / "debug" / "small").is_file()
    assert f"CARGO_BUILD_TARGET_DIR={target}" in first
    assert "CODEX_LAB_CARGO_TARGET_SCOPE=agent" in first
    assert "leaked" not in first
    assert '"fresh":false' in first
    assert '"fresh":true' in second
    assert '"fresh":false' not in second
    assert not (root / "leaked").exists()


def test_another_issue_builds_in_another_target(
    rust_lab: Lab, model: ModelFactory, codex: Codex, root: Path
) -> None:
    server = model([run_command(BUILD, wait_ms=60_000), say("built")] * 2)
    build(rust_lab, codex, "7")
    build(rust_lab, codex, "8")
    assert '"fresh":false' in "".join(server.requests[3].tool_outputs)
    assert len(list((root / "local/app/worktrees").glob("*/cargo-target/*/debug/small"))) == 2


def test_credentials_of_the_origin_reach_no_path_and_no_file_below_the_root(
    rust_lab: Lab, model: ModelFactory, codex: Codex, root: Path
) -> None:
    model([say("nothing to do")])
    build(rust_lab, codex, "7")
    assert not [path for path in root.rglob("*") if "hunter2" in str(path)]
    files = [path for path in root.rglob("*") if path.is_file()]
    assert not [path for path in files if b"hunter2" in path.read_bytes()]
