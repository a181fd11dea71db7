"""``codexlab env``: the receipt for a person and for a program; values only when asked for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from support.commands import CODEXLAB, codexlab
from support.lab import Lab
from support.users.unprivileged import Unprivileged, give

CANARY = "canary-0123456789abcdef"


def run(
    arguments: Sequence[str], environ: Mapping[str, str], cwd: Path
) -> subprocess.CompletedProcess[str]:
    return codexlab(environ, "env", *arguments, cwd=cwd)


@pytest.fixture
def environ(clean_environ: dict[str, str]) -> dict[str, str]:
    return {
        **clean_environ,
        "AWS_SECRET_ACCESS_KEY": CANARY,
        "OPENAI_API_KEY": f"{CANARY}-openai",
        "LD_CANARY": f"/{CANARY}.so",
        "ACME_REGION": "eu",
    }


def receipt(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, str]]:
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    return {entry["name"]: (entry["action"], entry["rule"]) for entry in document["receipt"]}


def test_every_name_is_explained_and_no_value_is_shown(
    environ: dict[str, str], source_repo: Path
) -> None:
    done = run(["explain", "--", "codex", "exec"], environ, source_repo)
    assert done.returncode == 0
    assert CANARY not in done.stdout + done.stderr
    explained = {line.split()[1] for line in done.stdout.splitlines()}
    assert explained >= environ.keys()


def test_the_receipt_is_that_of_a_launch_with_the_same_flags(
    environ: dict[str, str], source_repo: Path
) -> None:
    flags = ["--json", "--pass", "ACME_*", "--set", "MINE=1", "--", "codex"]
    rules = receipt(run(["explain", *flags], environ, source_repo))
    assert rules["AWS_SECRET_ACCESS_KEY"] == ("dropped", "not allowed")
    assert rules["LD_CANARY"] == ("dropped", "drop: loader")
    assert rules["OPENAI_API_KEY"] == ("kept", "adapter: codex")
    assert rules["STUB_KEY"] == ("kept", "codex provider")
    assert rules["ACME_REGION"] == ("kept", "--pass glob")
    assert rules["MINE"] == ("set", "--set")
    assert rules["CODEX_HOME"] == ("set", "codexlab")


def test_the_agent_decides_whose_keys_pass(environ: dict[str, str], source_repo: Path) -> None:
    rules = receipt(run(["explain", "--json"], environ, source_repo))
    assert rules["OPENAI_API_KEY"] == ("dropped", "not allowed")
    rules = receipt(run(["explain", "--json", "--agent", "codex"], environ, source_repo))
    assert rules["OPENAI_API_KEY"] == ("kept", "adapter: codex")


def test_the_users_config_counts(environ: dict[str, str], source_repo: Path) -> None:
    config = Path(environ["XDG_CONFIG_HOME"]) / "codexlab" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('pass_env = ["ACME_REGION", "LD_*"]\n')
    rules = receipt(run(["explain", "--json"], environ, source_repo))
    assert rules["ACME_REGION"] == ("kept", "config pass")
    assert rules["LD_CANARY"] == ("dropped", "drop: loader")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_is_printed_can_be_sourced(
    environ: dict[str, str], source_repo: Path, shell: str
) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    flags = ["print", "--shell", shell, "--set", "ODD=it's\n$HOME \\"]
    printed = run(flags, environ, source_repo)
    assert printed.returncode == 0, printed.stderr
    assert CANARY not in printed.stdout
    script = printed.stdout + "env -0\n"
    done = subprocess.run(
        [program, "-c", script], env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=True
    )
    entries = dict(entry.split("=", 1) for entry in done.stdout.decode().split("\0") if entry)
    assert entries["ODD"] == "it's\n$HOME \\"
    assert entries["LANG"] == "C.UTF-8"
    assert "CODEXLAB_RUN_ID" not in entries


def test_with_nul_ends_it_feeds_env(environ: dict[str, str], source_repo: Path) -> None:
    done = run(["print", "-0", "--set", "A=1\n2"], environ, source_repo)
    entries = dict(entry.split("=", 1) for entry in done.stdout.split("\0") if entry)
    assert entries["A"] == "1\n2"
    assert "AWS_SECRET_ACCESS_KEY" not in entries


def test_a_name_cannot_command_the_terminal_or_pretend_to_be_a_line(
    environ: dict[str, str], source_repo: Path
) -> None:
    environ["A\x1b[31m\nkept     FAKE"] = "1"
    done = run(["explain"], environ, source_repo)
    assert "\x1b" not in done.stdout
    assert "A␛[31m␊kept     FAKE" in done.stdout


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--set", CANARY], ["--set", "NAME=VALUE"]),
        (["--env-file", "/no/such/file"], ["/no/such/file", "No such file"]),
        (["--agent", "nobody"], ["--agent", "nobody"]),
        (["--set", f"CODEX_HOME={CANARY}"], ["CODEX_HOME", "codexlab decides"]),
        (["--nonsense"], ["--nonsense"]),
    ],
)
def test_bad_input_is_one_clear_line_without_values(
    environ: dict[str, str], source_repo: Path, flags: list[str], words: list[str]
) -> None:
    done = run(["explain", *flags], environ, source_repo)
    assert done.returncode == 125
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert all(word in done.stderr for word in words), done.stderr
    assert CANARY not in done.stderr


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--context", "README.md"],
        ["--cargo-key", "key-1"],
        ["--cargo-scope", "off"],
        ["--pass", "npm_config_cache"],
        ["--agent", "codex"],
        ["--no-repo"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("root", [False, True], ids=["no root", "root"])
def test_the_explanation_is_what_the_launch_then_records(
    lab: Lab, environ: dict[str, str], scratch: Path, flags: list[str], root: bool
) -> None:
    lab.environ.update(environ)
    (lab.cwd / "README.md").touch()
    if root:
        (scratch / "artifacts").mkdir()
        lab.environ["CODEX_LAB_DEVELOPER_ARTIFACTS_ROOT"] = str(scratch / "artifacts")
    # Twice: what a first task left must not change the answer for the second.
    for _ in range(2):
        done = run(["explain", "--json", "--issue", "1", *flags], lab.environ, lab.cwd)
        launched = lab.run(["--issue", "1", *flags], ["true"])
        assert launched.returncode == 0, launched.stderr
        assert json.loads(done.stdout)["receipt"] == lab.records[-1]["environment"]


def test_a_required_root_fails_the_explanation_as_it_fails_the_launch(
    lab: Lab, scratch: Path
) -> None:
    lab.environ["CODEX_LAB_DEVELOPER_ARTIFACTS_ROOT"] = str(scratch / "unmounted")
    done = run(["explain", "--issue", "1", "--require-artifacts"], lab.environ, lab.cwd)
    launched = lab.run(["--issue", "1", "--require-artifacts"], ["true"])
    assert done.returncode == launched.returncode == 125
    assert done.stderr.partition(": ")[2] == launched.stderr.partition(": ")[2]


@pytest.mark.parametrize("place", ["local", "local/codex-lab/npm-cache", "local/.codexlab"])
@pytest.mark.parametrize("required", [[], ["--require-artifacts"]], ids=["", "required"])
def test_a_link_in_the_place_of_a_cache_is_foreseen(
    lab: Lab, scratch: Path, place: str, required: list[str]
) -> None:
    link = scratch / "artifacts" / place
    link.parent.mkdir(parents=True)
    link.symlink_to(scratch)
    lab.environ["CODEX_LAB_DEVELOPER_ARTIFACTS_ROOT"] = str(scratch / "artifacts")
    flags = ["--issue", "1", *required]
    done = run(["explain", "--json", *flags], lab.environ, lab.cwd)
    launched = lab.run(flags, ["true"])
    assert done.returncode == launched.returncode == (125 if required else 0)
    assert f"{link}: a link or a file is in its place" in done.stderr
    assert done.stderr.partition(": ")[2] == launched.stderr.partition(": ")[2]
    if not required:
        assert json.loads(done.stdout)["receipt"] == lab.records[-1]["environment"]


def test_a_cache_that_the_user_may_not_make_is_foreseen(lab: Lab, as_nobody: Unprivileged) -> None:
    root, workspaces = as_nobody.home / "artifacts", as_nobody.home / "ws"
    (root / "local").mkdir(parents=True, mode=0o555)
    give(root)
    environ = {
        "CODEX_LAB_DEVELOPER_ARTIFACTS_ROOT": str(root),
        "CODEXLAB_WORKSPACES_ROOT": str(workspaces),
        "CODEXLAB_ISSUE": "1",
        **{f"XDG_{name}_HOME": str(as_nobody.home / name) for name in ("CONFIG", "STATE", "CACHE")},
    }
    done = as_nobody.run([CODEXLAB, "env", "explain", "--json", "--no-repo"], environ=environ)
    launched = as_nobody.run([lab.program, "--no-repo", "--", "true"], environ=environ)
    assert (done.returncode, launched.returncode) == (0, 0), launched.stderr
    assert "local/.codexlab: permission denied" in done.stderr
    assert done.stderr.partition(": ")[2] == launched.stderr.partition(": ")[2]
    (record,) = workspaces.glob("*/*/*/.codexlab/runs/*/record.json")
    content = json.loads(record.read_bytes())
    assert json.loads(done.stdout)["receipt"] == content["environment"]


@pytest.mark.parametrize("floor", [str(2**62), "much"])
def test_a_floor_that_prevents_the_launch_prevents_the_explanation(lab: Lab, floor: str) -> None:
    lab.environ["CODEX_LAB_STORAGE_MIN_TARGET_FREE_BYTES"] = floor
    done = run(["explain", "--issue", "1"], lab.environ, lab.cwd)
    planned = lab.run(["--issue", "1", "--dry-run"], ["true"])
    launched = lab.run(["--issue", "1"], ["true"])
    assert done.returncode == planned.returncode == launched.returncode == 125
    assert floor in launched.stderr
    for early in (done, planned):
        assert said(early) == said(launched)


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Return a complaint without the program's name, and without what is free where just now."""
    return re.sub(r"\S+ \d+ bytes free", "", done.stderr.partition(": ")[2])


def test_a_shell_that_reads_no_such_lines_is_named(lab: Lab) -> None:
    lab.environ["SHELL"] = "/bin/tcsh"
    done = run(["print"], lab.environ, lab.cwd)
    said = "codexlab: $SHELL 'tcsh': expected one of bash, zsh, fish; choose one with --shell\n"
    assert (done.returncode, done.stdout, done.stderr) == (125, "", said)
    chosen = run(["print", "--shell", "zsh"], lab.environ, lab.cwd)
    assert chosen.stdout.startswith("export ")
    assert run(["print", "--null"], lab.environ, lab.cwd).returncode == 0
