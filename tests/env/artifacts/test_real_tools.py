"""The routes, followed by the real cargo and npm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from support.commands import run_to_end

from codexlab.env.artifact_root import ARTIFACT_ROOT_VARIABLE, open_artifact_root
from codexlab.env.artifacts.clean import CleanOptions, apply_clean, plan_clean
from codexlab.env.artifacts.exports import Shell, render_exports
from codexlab.env.artifacts.routes import pnpm_major, route_caches, shell_exports
from codexlab.env.artifacts.sizes import Deadline
from codexlab.env.cargo import CargoScope, new_cargo_key, route_cargo
from codexlab.env.policy.build import build_environment
from codexlab.env.policy.values import EnvironmentPolicy
from codexlab.env.targets.layout import Layout
from codexlab.env.targets.leases import is_leased
from codexlab.env.targets.prepare import prepare_target


def agent_environment(parent: Mapping[str, str], root: Path, key: str) -> dict[str, str]:
    """The environment of an agent on one issue, cargo routed, decided as a launch decides it."""
    artifacts = open_artifact_root({ARTIFACT_ROOT_VARIABLE: str(root)})
    route = route_cargo(key, CargoScope.AGENT, artifacts, "small", "host")
    leaky = {**parent, "CARGO_TARGET_DIR": f"{root}/leaked", "CARGO_BUILD_TARGET_DIR": f"{root}/no"}
    policy = EnvironmentPolicy(pass_names=("CARGO_NET_OFFLINE",))
    return build_environment(leaky, policy, route.variables, route.removed).values


def build(crate: Path, environment: Mapping[str, str]) -> list[dict[str, object]]:
    """Run ``cargo build`` and return its messages about compiled artifacts."""
    done = run_to_end(["cargo", "build", "--message-format=json", "--quiet"], environment, crate)
    assert done.returncode == 0, done.stderr
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    return [message for message in messages if message["reason"] == "compiler-artifact"]


def copy_of(crate: Path, name: str) -> Path:
    return Path(shutil.copytree(crate, crate.parent / name))


def test_two_agents_build_at_once_in_targets_of_their_own(
    cargo: dict[str, str], crate: Path, root: Path
) -> None:
    keys = [new_cargo_key("1"), new_cargo_key("2")]
    command = ["cargo", "build", "--quiet"]
    running = [
        subprocess.Popen(
            command, cwd=copy_of(crate, key), env=agent_environment(cargo, root, key),
            stderr=subprocess.PIPE, text=True,
        )
        for key in keys
    ]  # fmt: skip
    for process in running:
        _, complaints = process.communicate(timeout=120)
        assert process.returncode == 0, complaints
    for key in keys:
        target = root / "local/small/worktrees" / key / "cargo-target/host"
        assert (target / "debug/small").is_file()
        assert not (crate.parent / key / "target").exists()
    assert not (root / "leaked").exists()


def test_a_second_task_on_one_issue_builds_warm(
    cargo: dict[str, str], crate: Path, root: Path
) -> None:
    environment = agent_environment(cargo, root, new_cargo_key("7"))
    assert [message["fresh"] for message in build(crate, environment)] == [False]
    assert [message["fresh"] for message in build(crate, environment)] == [True]


def test_without_a_root_cargo_builds_in_the_workdir(cargo: dict[str, str], crate: Path) -> None:
    route = route_cargo("k-1", CargoScope.AGENT, open_artifact_root({}), "small", None)
    leaky = {**cargo, "CARGO_TARGET_DIR": "/nonexistent/leaked"}
    environment = build_environment(
        leaky, EnvironmentPolicy(pass_names=("CARGO_NET_OFFLINE",)), route.variables, route.removed
    ).values
    build(crate, environment)
    assert (crate / "target/debug/small").is_file()


def test_a_build_in_progress_is_not_cleaned(cargo: dict[str, str], crate: Path, root: Path) -> None:
    key = new_cargo_key("9")
    target = root / "local/small/worktrees" / key / "cargo-target/host"
    gate = crate.parent / "gate"
    os.mkfifo(gate)
    script = 'fn main() { std::fs::read_to_string(std::env::var("GATE").unwrap()).unwrap(); }\n'
    (crate / "build.rs").write_text(script)
    environment = {**agent_environment(cargo, root, key), "GATE": str(gate)}
    everything = CleanOptions(older_than=0, every_repository=True)
    with subprocess.Popen(["cargo", "build", "--quiet"], cwd=crate, env=environment) as builder:
        # The gate opens once the build script reads it: cargo holds its lock by then.
        with gate.open("w") as opened:
            findings = apply_clean(
                plan_clean(root, None, everything, Deadline(30)), everything, lambda _: None
            )
            opened.write("go")
        assert builder.wait(timeout=120) == 0
    assert [finding.verdict for finding in findings] == ["in use"]
    assert (target / "debug/small").is_file()


def test_a_target_is_prepared_before_cargo_needs_it(
    cargo: dict[str, str], crate: Path, root: Path
) -> None:
    key = new_cargo_key("3")
    target = root / "local/small/worktrees" / key / "cargo-target/host"
    lease = prepare_target(
        root, target, key=key, project="small", issue="3", repo="small", workdir=crate
    )
    build(crate, agent_environment(cargo, root, key))
    assert is_leased(root, target)
    os.close(lease)


def test_a_full_volume_fails_the_build_and_nothing_else(
    cargo: dict[str, str], crate: Path, mount_volume: Callable[..., Path]
) -> None:
    volume = mount_volume(options="size=32k")
    environment = agent_environment(cargo, volume, new_cargo_key("4"))
    done = subprocess.run(
        ["cargo", "build", "--quiet"], cwd=crate, env=environment, capture_output=True, check=False
    )
    assert done.returncode != 0
    assert b"No space left" in done.stderr
    assert not (crate / "target").exists()


SHELL_SCRIPT = """
eval "$EXPORTS"
cd "$CHECKOUT"
exec npm install --offline --no-audit --no-fund --loglevel=error ./dependency
"""


@pytest.fixture
def package(scratch: Path) -> Path:
    """An npm package with a dependency in a directory beside it."""
    path = scratch / "package"
    (path / "dependency").mkdir(parents=True)
    (path / "package.json").write_text('{"name": "app", "version": "1.0.0"}')
    (path / "dependency" / "package.json").write_text('{"name": "dep", "version": "1.0.0"}')
    return path


@pytest.mark.skipif(shutil.which("npm") is None, reason="no npm here")
def test_npm_keeps_its_cache_below_the_root(
    clean_environ: dict[str, str], package: Path, root: Path
) -> None:
    layout = Layout(root, "app", "host")
    exports = shell_exports(layout, CargoScope.SHARED, "", sccache=None)
    for directory in exports.directories:
        directory.mkdir(parents=True)
    environment = {
        **clean_environ,
        "EXPORTS": render_exports(Shell.BASH, exports.variables, exports.removed),
        "CHECKOUT": str(package),
    }
    done = run_to_end(["bash", "-c", SHELL_SCRIPT], environment)
    assert done.returncode == 0, done.stderr
    assert (package / "node_modules" / "dep").exists()
    assert any(layout.package_cache("npm-cache").iterdir())
    assert not (Path(clean_environ["HOME"]) / ".npm").exists()
    assert not (package / ".npmrc").exists()
    query = 'eval "$EXPORTS"; npm config get cache'
    asked = subprocess.run(
        ["bash", "-c", query], env=environment, capture_output=True, text=True, check=True
    )
    assert asked.stdout.strip() == str(layout.package_cache("npm-cache"))
    assert "Unknown" not in asked.stderr, asked.stderr


def test_pnpm_keeps_its_store_below_the_root(clean_environ: dict[str, str], root: Path) -> None:
    program = shutil.which("pnpm")
    if program is None:
        pytest.skip("no pnpm here")
    environment = {**clean_environ, "PATH": f"{os.path.dirname(program)}:{clean_environ['PATH']}"}
    layout = Layout(root, "app", "host")
    major = pnpm_major(environment)
    exports = shell_exports(layout, CargoScope.SHARED, "", sccache=None, pnpm=major)
    for directory in exports.directories:
        directory.mkdir(parents=True)
    done = subprocess.run(
        [program, "store", "path"], cwd=root, env={**environment, **exports.variables},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith(str(layout.package_cache("pnpm-store")))


def test_an_old_pnpm_gets_the_variable_it_reads(root: Path, scratch: Path) -> None:
    package = scratch / "pnpm"
    (package / "bin").mkdir(parents=True)
    (package / "bin" / "pnpm.cjs").write_text("")
    (package / "bin" / "pnpm.cjs").chmod(0o755)
    (package / "pnpm").symlink_to("bin/pnpm.cjs")
    for version, names in (("10.34.9", 2), ("12.0.0", 1)):
        (package / "package.json").write_text(json.dumps({"name": "pnpm", "version": version}))
        major = pnpm_major({"PATH": str(package)})
        variables = route_caches(Layout(root, "app", "host"), major)
        assert sum(name.endswith("_store_dir") for name in variables) == names
    assert pnpm_major({"PATH": str(root)}) is None


def test_sccache_is_used_only_when_asked_for_and_there(root: Path) -> None:
    layout = Layout(root, "app", "host")
    plain = shell_exports(layout, CargoScope.SHARED, "", sccache="/usr/bin/sccache")
    wanted = shell_exports(
        layout, CargoScope.SHARED, "", sccache="/usr/bin/sccache", want_sccache=True
    )
    absent = shell_exports(layout, CargoScope.SHARED, "", sccache=None, want_sccache=True)
    assert "RUSTC_WRAPPER" not in plain.variables
    assert wanted.variables["RUSTC_WRAPPER"] == "/usr/bin/sccache"
    assert wanted.variables["SCCACHE_DIR"] == f"{root}/local/codex-lab/sccache"
    assert "RUSTC_WRAPPER" not in absent.variables
    assert "not installed" in absent.warnings[0]
