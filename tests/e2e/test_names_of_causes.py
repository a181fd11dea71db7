"""A command that cannot be started is told by its cause: which entry, argument or variable."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.lab import Lab


def program_in(directory: Path, mode: int) -> Path:
    directory.mkdir()
    file = directory / "my-agent"
    file.write_text("#!/bin/sh\necho ran\n")
    file.chmod(0o755)
    directory.chmod(mode)
    return file


def test_a_command_in_a_directory_that_everybody_may_write_names_that_directory(
    lab: Lab, scratch: Path
) -> None:
    tools = program_in(scratch / "tools", 0o777).parent
    lab.environ["PATH"] = f"{tools}:{lab.environ['PATH']}"
    done = lab.run(["--issue", "1"], ["my-agent"])
    assert done.returncode == 127
    (line,) = done.stderr.splitlines()
    assert f"{tools} has it" in line
    assert "everybody may write there" in line
    assert "--pass PATH" in line
    assert lab.run(["--issue", "1", "--pass", "PATH"], ["my-agent"]).stdout == "ran\n"


def test_a_command_on_a_relative_entry_names_that_entry(lab: Lab) -> None:
    program_in(lab.cwd / "bin", 0o755)
    lab.environ["PATH"] = f"bin:{lab.environ['PATH']}"
    done = lab.run(["--issue", "1"], ["my-agent"])
    assert done.returncode == 127
    assert "bin has it" in done.stderr
    assert "that entry is relative" in done.stderr


LONGEST = 32 * os.sysconf("SC_PAGE_SIZE") - 1


def test_a_variable_that_is_too_long_is_named(lab: Lab, scratch: Path) -> None:
    file = scratch / "long.env"
    file.write_text(f"BIG={'x' * 200_000}\n")
    done = lab.run(["--issue", "1", "--env-file", str(file)], ["true"])
    assert done.returncode == 126
    (line,) = done.stderr.splitlines()
    assert f"variable BIG: 200004 bytes, and the kernel passes at most {LONGEST}" in line
    assert "--context FILE" in line


def test_too_much_together_is_said_with_the_longest(lab: Lab, scratch: Path) -> None:
    file = scratch / "many.env"
    file.write_text("".join(f"V{number}={'x' * 120_000}\n" for number in range(8)))
    lab.environ.update({f"W{number}": "x" * 110_000 for number in range(12)})
    done = lab.run(["--issue", "1", "--env-file", str(file), "--pass", "W*"], ["true"])
    assert done.returncode == 126
    assert "arguments and variables together (the longest is variable V" in done.stderr


@pytest.mark.parametrize("names", [["DATABASE_URL"], ["DATABASE_URL", "ACME_REGION"]])
def test_a_hint_on_dropped_variables_names_those_that_the_command_named(
    lab: Lab, names: list[str]
) -> None:
    lab.environ.update(DATABASE_URL="x", ACME_REGION="y", OTHER_THING="z")
    script = f"echo missing: {' and '.join(names)} >&2; exit 3"
    _, _, line = lab.run(["--issue", "1"], ["sh", "-c", script]).stderr.splitlines()
    verb = "was" if len(names) == 1 else "were"
    assert f"named {', '.join(sorted(names))}, which {verb} not passed on" in line
    assert "OTHER_THING" not in line


def test_a_quick_failure_of_another_cause_has_no_hint(lab: Lab) -> None:
    lab.environ.update(DATABASE_URL="x")
    done = lab.run(["--issue", "1"], ["sh", "-c", "echo no such table; exit 3"])
    (line,) = done.stderr.splitlines()
    assert (done.returncode, "not passed on" in line) == (3, False)
