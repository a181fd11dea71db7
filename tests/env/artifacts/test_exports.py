"""Exports, sourced by the real shells."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from codexlab.env.artifacts.exports import Shell, ShellError, choose_shell, render_exports, shell_of

VALUES = {
    "PLAIN": "/mnt/artifacts",
    "BLANKS": "  two  words ",
    "QUOTES": "it's \"quoted\" \\' \\\\ \\n",
    "DOLLARS": "$HOME `id` $(id) !history ~ * ? [a] {b} ;&|<>#",
    "MULTI": "first\nsecond\n\n",
    "NON_ASCII": "wörd 日本",
    "EMPTY": "",
    "TRAILING": "backslash\\",
}


@pytest.mark.parametrize("shell", Shell)
def test_every_value_survives_the_shell_byte_for_byte(shell: Shell) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    text = render_exports(shell, VALUES, ("GONE", "NEVER_SET"))
    script = f"{text}{text}exec env -0\n"
    done = subprocess.run(
        [program, "-c", script],
        env={"PATH": "/usr/bin:/bin", "GONE": "x", "HOME": "/nonexistent", "LANG": "C.UTF-8"},
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    printed = dict(entry.split("=", 1) for entry in done.stdout.decode().split("\0") if entry)
    assert {name: printed.get(name) for name in VALUES} == VALUES
    assert "GONE" not in printed


def test_a_variable_that_is_set_is_not_unset() -> None:
    assert render_exports(Shell.BASH, {"A": "1"}, ("A", "B")) == "unset B\nexport A='1'\n"


@pytest.mark.parametrize("shell", ["", "csh", "Bash", "/bin/bash"])
def test_another_shell_is_refused(shell: str) -> None:
    with pytest.raises(ShellError, match="bash, zsh, fish"):
        choose_shell(shell, "bash")


@pytest.mark.parametrize("path", ["/bin/tcsh", "csh", "/usr/local/bin/nu", "/usr/bin/xonsh"])
def test_a_users_shell_that_reads_no_such_lines_is_refused(path: str) -> None:
    name = path.rpartition("/")[2]
    said = rf"^\$SHELL '{name}': expected one of bash, zsh, fish; choose one with --shell$"
    with pytest.raises(ShellError, match=said):
        shell_of(path)


def test_the_users_shell_is_recognised_and_bash_assumed() -> None:
    assert [shell_of(path) for path in ("/usr/bin/fish", "zsh", "/bin/dash", "")] == [
        "fish", "zsh", "bash", "bash",
    ]  # fmt: skip
