"""Tools of the checkout that stays behind are not the agent's, and somebody is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.lab import Lab

SHOW = ["sh", "-c", 'printf "%s|%s\\n" "${VIRTUAL_ENV-unset}" "$PATH"']


@pytest.fixture
def virtual(lab: Lab) -> Path:
    """A virtual environment in the main checkout, active, with a program of its own."""
    place = lab.cwd / ".venv"
    (lab.cwd / ".git" / "info" / "exclude").write_text("/.venv/\n")
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", place], check=True, env=lab.environ
    )
    tool = place / "bin" / "project-tool"
    tool.write_text("#!/bin/sh\necho tool of the checkout\n")
    tool.chmod(0o755)
    lab.environ["VIRTUAL_ENV"] = str(place)
    lab.environ["PATH"] = f"{place}/bin:{lab.environ['PATH']}"
    return place


def test_an_active_environment_of_the_checkout_is_not_the_agents(lab: Lab, virtual: Path) -> None:
    done = lab.run(["--issue", "1", "-v"], SHOW)
    assert done.returncode == 0, done.stderr
    found, path = done.stdout.strip().split("|")
    assert found == "unset"
    assert str(virtual) not in path
    assert f"{virtual}/bin in PATH, VIRTUAL_ENV" in done.stderr
    assert "--pass PATH --pass VIRTUAL_ENV" in done.stderr
    receipt = {entry["name"]: entry["rule"] for entry in lab.records[0]["environment"]}
    assert receipt["VIRTUAL_ENV"] == "drop: checkout left behind"


def test_without_a_terminal_the_record_alone_says_it(lab: Lab, virtual: Path) -> None:
    done = lab.run(["--issue", "1"], SHOW)
    assert done.stderr == ""
    assert any(str(virtual) in warning for warning in lab.records[0]["warnings"])


def test_by_name_they_pass(lab: Lab, virtual: Path) -> None:
    done = lab.run(["--issue", "1", "--pass", "PATH", "--pass", "VIRTUAL_ENV"], SHOW)
    found, path = done.stdout.strip().split("|")
    assert found == str(virtual)
    assert path.startswith(f"{virtual}/bin:")


def test_a_link_that_leads_into_the_checkout_is_no_way_around(
    lab: Lab, virtual: Path, scratch: Path
) -> None:
    link = scratch / "elsewhere"
    link.symlink_to(virtual)
    lab.environ["VIRTUAL_ENV"] = str(link)
    lab.environ["PATH"] = f"{link}/bin:{lab.environ['PATH']}"
    found, path = lab.run(["--issue", "1"], SHOW).stdout.strip().split("|")
    assert found == "unset"
    assert str(link) not in path


def test_the_command_itself_may_come_from_there(lab: Lab, virtual: Path) -> None:
    assert virtual.is_dir()
    done = lab.run(["--issue", "1"], ["project-tool"])
    assert (done.returncode, done.stdout) == (0, "tool of the checkout\n")


@pytest.mark.parametrize("kind", ["linked", "given"])
def test_where_the_agent_works_in_that_checkout_nothing_is_taken_out(
    lab: Lab, virtual: Path, scratch: Path, kind: str
) -> None:
    if kind == "given":
        done = lab.run(["--issue", "1", "--workdir", str(lab.cwd)], SHOW)
        assert done.stdout.startswith(f"{virtual}|{virtual}/bin:")
        return
    linked = scratch / "linked"
    git = ["git", "-C", str(lab.cwd), "worktree", "add", "-q", str(linked)]
    subprocess.run(git, check=True, env=lab.environ)
    own = linked / ".venv"
    own.mkdir()
    lab.environ["VIRTUAL_ENV"] = str(own)
    done = lab.run(["--issue", "1"], SHOW, cwd=linked)
    assert done.stdout.startswith(f"{own}|")


def test_a_home_that_is_itself_a_checkout_keeps_its_tools(lab: Lab) -> None:
    home = lab.environ["HOME"] = str(lab.cwd)
    tools = lab.cwd / ".local" / "bin"
    tools.mkdir(parents=True)
    lab.environ["PATH"] = f"{tools}:{lab.environ['PATH']}"
    lab.environ["CARGO_HOME"] = f"{home}/.cargo"
    done = lab.run(["--issue", "1"], ["sh", "-c", 'echo "$CARGO_HOME $PATH"'])
    assert done.stdout.startswith(f"{home}/.cargo {tools}:")


def test_env_explain_says_what_the_launch_does(lab: Lab, virtual: Path) -> None:
    program = lab.program.parent / "codexlab"
    explained = subprocess.run(
        [program, "env", "explain", "--json", "--issue", "1"],
        cwd=lab.cwd, env=lab.environ, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lab.run(["--issue", "1"], SHOW)
    assert json.loads(explained.stdout)["receipt"] == lab.records[0]["environment"]
    assert str(virtual) in explained.stderr
