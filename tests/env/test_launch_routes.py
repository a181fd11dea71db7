"""Routes at launch: a required root, a fallback that is seen, forced and dropped variables."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.lab import Lab

from codexlab.env.artifact_root import ARTIFACT_ROOT_VARIABLE

ROUTING = (
    "CARGO_TARGET_DIR",
    "CODEX_LAB_CARGO_TARGET_DIR",
    "CODEX_LAB_CARGO_TARGET_SCOPE",
    "CODEX_LAB_CARGO_TARGET_KEY",
)


def printed(output: str) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in output.split("\0") if "=" in entry)


def test_of_four_inherited_routing_variables_two_are_dropped_and_two_forced(lab: Lab) -> None:
    lab.environ.update(dict.fromkeys(ROUTING, "/inherited"))
    flags = ["--issue", "7", "--cargo-key", "0199c0de-7e57-7abc-8def-0123456789ab"]
    done = lab.run(flags, ["env", "-0"])
    assert done.returncode == 0, done.stderr
    entries = {name: value for name, value in printed(done.stdout).items() if name in ROUTING}
    assert entries == {
        "CODEX_LAB_CARGO_TARGET_SCOPE": "agent",
        "CODEX_LAB_CARGO_TARGET_KEY": "0199c0de-7e57-7abc-8def-0123456789ab",
    }


def test_routing_variables_from_a_file_are_dropped_and_forced_alike(
    lab: Lab, scratch: Path
) -> None:
    file = scratch / "vars.env"
    file.write_text("".join(f"{name}=/from-file\n" for name in ROUTING))
    done = lab.run(["--issue", "7", "--env-file", file], ["env", "-0"])
    assert done.returncode == 0, done.stderr
    assert "/from-file" not in done.stdout
    assert printed(done.stdout)["CODEX_LAB_CARGO_TARGET_SCOPE"] == "agent"


def test_one_key_per_issue_kept_for_later_tasks(lab: Lab) -> None:
    keys = [
        printed(lab.run(["--issue", issue], ["env", "-0"]).stdout)["CODEX_LAB_CARGO_TARGET_KEY"]
        for issue in ("7", "7", "8")
    ]
    assert keys[0] == keys[1] != keys[2]
    assert keys[0].startswith("7-")


def test_with_a_required_root_that_is_missing_the_command_never_starts(
    lab: Lab, scratch: Path
) -> None:
    missing, marker = scratch / "unmounted", scratch / "started"
    lab.environ[ARTIFACT_ROOT_VARIABLE] = str(missing)
    done = lab.run(["--issue", "7", "--require-artifacts"], ["touch", marker])
    assert done.returncode == 125
    assert str(missing) in done.stderr
    assert not marker.exists()
    assert not missing.exists()


def test_a_missing_root_is_a_visible_fallback(lab: Lab, scratch: Path) -> None:
    missing = scratch / "unmounted"
    lab.environ[ARTIFACT_ROOT_VARIABLE] = str(missing)
    done = lab.run(["--issue", "7"], ["env", "-0"])
    assert done.returncode == 0
    assert str(missing) in done.stderr
    assert not {"CARGO_BUILD_TARGET_DIR", ARTIFACT_ROOT_VARIABLE} & printed(done.stdout).keys()
    assert str(missing) in json.dumps(lab.records[0])
    assert not missing.exists()


def test_the_wrong_volume_at_the_right_place_is_a_visible_fallback(
    lab: Lab, mount_volume: Callable[..., Path]
) -> None:
    volume = mount_volume()
    lab.environ[ARTIFACT_ROOT_VARIABLE] = str(volume)
    lab.environ["CODEX_LAB_DEVELOPER_ARTIFACTS_VOLUME_UUID"] = (
        "0c1d2e3f-0000-4000-8000-0123456789ab"
    )
    done = lab.run(["--issue", "7"], ["env", "-0"])
    assert done.returncode == 0
    assert "another volume" in done.stderr
    assert "CARGO_BUILD_TARGET_DIR" not in printed(done.stdout)
    assert list(volume.iterdir()) == []


def test_a_signal_before_the_command_starts_keeps_it_from_starting(lab: Lab, scratch: Path) -> None:
    gate, marker = scratch / "gate", scratch / "started"
    os.mkfifo(gate)
    stub = scratch / "stub"
    stub.mkdir()
    (stub / "git").write_text(f'#!/bin/sh\ncat {gate}\nexec /usr/bin/git "$@"\n')
    (stub / "git").chmod(0o755)
    environ = {**lab.environ, "PATH": f"{stub}:{lab.environ['PATH']}"}
    process = subprocess.Popen(
        lab.argv(["--issue", "7"], ["touch", marker]), cwd=lab.cwd, env=environ,
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        with gate.open("w"):  # opens when git reads it: the launch is being prepared
            process.send_signal(signal.SIGTERM)
        while process.poll() is None:
            writer = os.open(gate, os.O_RDWR | os.O_NONBLOCK)
            try:
                process.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                continue
            finally:
                os.close(writer)
        assert process.returncode == 128 + signal.SIGTERM
    assert not marker.exists()


@pytest.mark.parametrize("scope", ["shared", "worktree", "off"])
def test_other_scopes_at_launch(lab: Lab, root: Path, scope: str) -> None:
    lab.environ[ARTIFACT_ROOT_VARIABLE] = str(root)
    lab.environ["CARGO_TARGET_DIR"] = "/inherited"
    done = lab.run(["--issue", "7", "--cargo-scope", scope], ["env", "-0"])
    assert done.returncode == 0, done.stderr
    entries = printed(done.stdout)
    if scope == "off":
        assert not {"CARGO_BUILD_TARGET_DIR", "CODEX_LAB_CARGO_TARGET_SCOPE"} & entries.keys()
    else:
        assert entries["CODEX_LAB_CARGO_TARGET_SCOPE"] == scope
        assert ("/worktrees/" in entries["CARGO_BUILD_TARGET_DIR"]) == (scope == "worktree")
    assert "CARGO_TARGET_DIR" not in entries


def test_the_host_triple_is_asked_once_and_never_without_a_root(
    lab: Lab, root: Path, scratch: Path
) -> None:
    stub, log = scratch / "stub", scratch / "asked"
    stub.mkdir()
    (stub / "rustc").write_text(f'#!/bin/sh\necho asked >> {log}\necho "host: test-triple"\n')
    (stub / "rustc").chmod(0o755)
    lab.environ["PATH"] = f"{stub}:{lab.environ['PATH']}"
    assert lab.run(["--issue", "7"], ["true"]).returncode == 0
    assert not log.exists()
    lab.environ[ARTIFACT_ROOT_VARIABLE] = str(root)
    targets = [
        printed(lab.run(["--issue", "7"], ["env", "-0"]).stdout)["CARGO_BUILD_TARGET_DIR"]
        for _ in range(2)
    ]
    assert targets[0] == targets[1]
    assert targets[0].endswith("/cargo-target/test-triple")
    assert log.read_text() == "asked\n"


PASSABLE = ("AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "DATABASE_URL", "PLAIN", "plain", "X", "A.B",
            "SSH_AUTH_SOCK", "npm_config_//r/:_authToken")  # fmt: skip
NEVER = ("LD_CANARY", "PYTHONCANARY", "NODE_PATH", "BASH_FUNC_x%%", "GIT_CONFIG_VALUE_0",
         "CLAUDECODE", "CODEXLAB_RUN_ID", "CODEX_LAB_TARGET_LEASE_FD", "MAKEFLAGS",
         "LC_CANARY")  # fmt: skip
SHOW = (
    "import sys; sys.stdout.write(open('/proc/self/environ', errors='replace').read()); sys.exit(3)"
)


@pytest.mark.parametrize("everything", [False, True])
def test_no_value_of_a_dropped_name_is_anywhere_afterwards(lab: Lab, everything: bool) -> None:
    names = PASSABLE + NEVER
    values = {name: f"canary<{number:02}>{name[:3]}" for number, name in enumerate(names)}
    lab.environ.update(values)
    lab.environ["LC_CANARY"] = f"x=1\nAPI_TOKEN={values['LC_CANARY']}"
    flags = ["--issue", "7", "-v", *(["--pass", "*"] if everything else [])]
    done = lab.run(flags, [sys.executable, "-c", SHOW])
    assert done.returncode == 3
    shown = {name for name in names if values[name] in done.stdout}
    assert shown == (set(PASSABLE) if everything else set())
    written = [path for path in lab.workspaces_root.rglob("*") if path.is_file()]
    assert written
    for name in set(names) - shown | {"AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN"}:
        assert not [path for path in written if values[name].encode() in path.read_bytes()], name
        assert values[name] not in done.stderr


@pytest.mark.parametrize("place", ["target", "harness"])
def test_a_link_in_place_of_a_routed_directory_is_a_visible_fallback(
    lab: Lab, scratch: Path, place: str
) -> None:
    root, outside = scratch / "artifacts", scratch / "outside"
    root.mkdir()
    outside.mkdir()
    lab.environ[ARTIFACT_ROOT_VARIABLE] = str(root)
    flags = ["--issue", "7", "--cargo-key", "key-1"]
    lab.run(flags, ["true"])
    (routed,) = root.glob(
        "local/*/worktrees/key-1/cargo-target/*"
        if place == "target"
        else "local/*/exec-harness/output"
    )
    shutil.rmtree(routed)
    routed.symlink_to(outside)
    done = lab.run(flags, ["env", "-0"])
    assert done.returncode == 0, done.stderr
    assert str(routed) in done.stderr
    assert not {"CARGO_BUILD_TARGET_DIR", ARTIFACT_ROOT_VARIABLE} & printed(done.stdout).keys()
    assert str(routed) in str(lab.records[-1]["artifacts"])
    assert not list(outside.iterdir())
    required = lab.run([*flags, "--require-artifacts"], ["true"])
    assert required.returncode == 125
    assert str(routed) in required.stderr
