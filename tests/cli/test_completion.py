"""A shell completes commands, options, and the issues and runs that there are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.lab import Lab

_BASH = """
source <(codexlab completion bash)
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
"_${1//-/_}_completion" "$1" 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""


def beside(lab: Lab, **environ: str) -> Lab:
    """Return the same caller with more in the environment."""
    return Lab(lab.program, {**lab.environ, **environ}, lab.cwd, lab.workspaces_root)


def in_bash(lab: Lab, *line: str) -> list[str]:
    """Return what bash offers at the end of a line."""
    bash = shutil.which("bash")
    assert bash is not None
    there = beside(lab, PATH=f"{lab.program.parent}:{lab.environ['PATH']}")
    done = there.call([bash, "--norc", "-c", _BASH, "bash", *line])
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_bash_completes_commands_and_options_of_both_programs(lab: Lab) -> None:
    assert in_bash(lab, "codexlab", "work") == ["workspace"]
    assert in_bash(lab, "codexlab", "workspace", "l") == ["list"]
    assert "--idle-timeout" in in_bash(lab, "codexlab-run", "--idle")
    assert in_bash(lab, "codexlab-run", "--agent", "c") == ["codex", "claude"]


def test_bash_completes_the_issues_that_there_are(lab: Lab) -> None:
    for issue in ("PROJ-7", "PROJ-8", "not plain; rm -rf"):
        lab.run(["--issue", issue, "--no-repo"], ["true"])
    assert in_bash(lab, "codexlab", "workspace", "show", "P") == ["PROJ-7", "PROJ-8"]
    assert in_bash(lab, "codexlab-run", "--issue", "") == ["PROJ-7", "PROJ-8"]


def test_bash_completes_the_runs_that_are_alive(lab: Lab) -> None:
    agent = ["sh", "-c", "echo ready; read line"]
    flags = ["--issue", "7", "--no-repo"]
    with lab.started([*flags, "--stdin", "inherit"], agent, stdin=-1) as run:
        assert run.process.stdout is not None
        run.process.stdout.readline()
        (run_id,) = in_bash(lab, "codexlab", "stop", "2")
        assert lab.workspace.joinpath(".codexlab", "runs", run_id).is_dir()
        run.process.communicate(b"go\n")
    assert in_bash(lab, "codexlab", "stop", "2") == []


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_ask_in_the_same_way(lab: Lab, shell: str) -> None:
    script = lab.codexlab("completion", shell).stdout
    for program in ("codexlab", "codexlab-run"):
        variable = f"_{program.replace('-', '_').upper()}_COMPLETE"
        assert f"{variable}={shell}_complete" in script
        word = "--ver" if shell == "fish" else "1"
        asked = {
            variable: f"{shell}_complete",
            "COMP_WORDS": f"{program} --ver",
            "COMP_CWORD": word,
        }
        done = beside(lab, **asked).call([lab.program.with_name(program)])
        assert "--version" in done.stdout, done.stderr


def test_the_shell_is_known_by_its_variable_or_asked_for(lab: Lab) -> None:
    bash = lab.codexlab("completion", "bash").stdout
    assert beside(lab, SHELL="/opt/bin/bash").codexlab("completion").stdout == bash
    done = beside(lab, SHELL="/bin/dash").codexlab("completion")
    assert done.returncode == 125
    assert done.stderr.splitlines() == [
        "codexlab: SHELL 'dash': expected bash, zsh or fish; see codexlab completion --help"
    ]


def test_completion_is_silent_where_nothing_can_be_read(lab: Lab) -> None:
    place = Path(lab.environ["XDG_CONFIG_HOME"], "codexlab")
    place.mkdir(parents=True)
    (place / "config.toml").write_text("wrong =")
    assert in_bash(lab, "codexlab", "workspace", "show", "") == []
    there = beside(lab, CODEXLAB_WORKSPACES_ROOT="/dev/null")
    assert in_bash(there, "codexlab", "workspace", "show", "") == []
