"""``codexlab env``: the receipt for a person and for a program; values only when asked for."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from support.commands import codexlab
from support.lab import Lab

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
        ["--thread", "key-1"],
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
