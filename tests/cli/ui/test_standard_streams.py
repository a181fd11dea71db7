"""A closed stream, a reader that leaves, a full disk: one line at most, and a status that tells."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.commands import CODEXLAB, run_to_end
from support.lab import Lab

_PROGRAM = str(CODEXLAB)
# Many names, so that explaining them takes more than a pipe or a page of output holds.
_MANY = {f"VARIABLE_{number}": "1" for number in range(2500)}
_LONG = (_PROGRAM, "env", "explain", "--json", "--", "true")


@pytest.fixture(params=["buffered", "unbuffered"])
def environ(request: pytest.FixtureRequest, clean_environ: dict[str, str]) -> dict[str, str]:
    unbuffered = {"PYTHONUNBUFFERED": "1"} if request.param == "unbuffered" else {}
    return clean_environ | _MANY | unbuffered


def run(
    command: Sequence[str], environ: dict[str, str], redirection: str, cwd: Path
) -> tuple[int, str]:
    """Run it with a shell's redirection; return its status and what stderr got."""
    argv = ["/bin/bash", "-c", f'exec "$@" {redirection}', "sh", *command]
    done = run_to_end(argv, environ, cwd)
    return done.returncode, done.stderr


def run_without_reader(
    command: Sequence[str], environ: dict[str, str], cwd: Path
) -> tuple[int, str]:
    """Run it with a stdout whose reader has gone."""
    read, write = os.pipe()
    os.close(read)
    with open(write, "wb") as out:
        done = subprocess.run(
            command, env=environ, cwd=cwd, stdout=out, stderr=subprocess.PIPE, text=True
        )
    return done.returncode, done.stderr


def launches(lab: Lab, *flags: str) -> list[str]:
    return lab.argv([*flags, "--issue", "1"], ["true"])


def test_a_full_disk_is_one_line_that_names_stdout(environ: dict[str, str], scratch: Path) -> None:
    status, errors = run(_LONG, environ, ">/dev/full", scratch)
    assert status == 125
    assert errors.startswith("codexlab: stdout: No space left on device")
    assert errors.count("\n") == 1


def test_output_that_fits_only_in_part_is_an_error(environ: dict[str, str], scratch: Path) -> None:
    # A limit on the file's size cuts a write(2) short as a disk that fills does.
    out = scratch / "out"
    short = ["/bin/bash", "-c", 'trap "" XFSZ; ulimit -f 64; exec "$@"', "sh", *_LONG]
    status, errors = run(short, environ, f">{out}", scratch)
    assert out.stat().st_size == 64 * 1024
    assert (status, errors.count("\n")) == (125, 1)
    assert "stdout: File too large" in errors


def test_a_reader_that_has_seen_enough_is_no_failure(
    environ: dict[str, str], scratch: Path
) -> None:
    assert run_without_reader(_LONG, environ, scratch) == (141, "")


@pytest.mark.parametrize("command", [("workspace", "list", "--json"), ("env", "print")])
def test_a_closed_stdout_is_nobody_reading(
    clean_environ: dict[str, str], scratch: Path, command: tuple[str, ...]
) -> None:
    status, errors = run((_PROGRAM, *command), clean_environ, "<&- >&-", scratch)
    assert (status, "Traceback" in errors) == (0, False)


def test_errors_have_their_status_also_where_nobody_can_read_them(
    clean_environ: dict[str, str], scratch: Path
) -> None:
    wrong = (_PROGRAM, "workspace", "show", "nothing")
    for redirection in ("2>&-", "2>/dev/full", "<&- >&- 2>&-"):
        assert run(wrong, clean_environ, redirection, scratch) == (125, "")


@pytest.mark.parametrize("flag", ["--help", "--version", "--dry-run"])
def test_the_launcher_prints_as_quietly(lab: Lab, flag: str) -> None:
    command = launches(lab, flag)
    status, errors = run(command, lab.environ, ">/dev/full", lab.cwd)
    assert status == 125
    assert errors.startswith("codexlab-run: stdout: No space left on device")
    assert errors.count("\n") == 1
    assert run(command, lab.environ, ">&-", lab.cwd) == (0, "")
    assert run_without_reader(command, lab.environ, lab.cwd) == (141, "")


def test_a_launch_with_closed_streams_runs(lab: Lab) -> None:
    status, errors = run(launches(lab), lab.environ, "<&- >&- 2>&-", lab.cwd)
    assert (status, errors) == (0, "")


@pytest.mark.parametrize("program", ["codexlab", "codexlab-run"])
def test_an_interrupt_before_the_guardian_has_taken_over_ends_quietly(
    clean_environ: dict[str, str], program: str
) -> None:
    body = (
        "import signal; from codexlab import cli;"
        "from codexlab.kernel.process import descriptors, hide_cmdline;"
        "descriptors.open_standard_descriptors = hide_cmdline.hide_environment ="
        " lambda: signal.raise_signal(signal.SIGINT);"
        f"cli.{'command' if program == 'codexlab' else 'launch'}()"
    )
    done = run_to_end([sys.executable, "-c", body], clean_environ)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("program", ["codexlab", "codexlab-run"])
def test_an_interrupt_that_the_caller_ignores_is_ignored_from_the_first_moment(
    clean_environ: dict[str, str], scratch: Path, program: str
) -> None:
    (scratch / "click.py").write_text(
        "import importlib, signal, sys\n"
        "signal.raise_signal(signal.SIGINT)\n"
        "sys.path.remove('" + str(scratch) + "')\n"
        "del sys.modules['click']\n"
        "sys.modules['click'] = importlib.import_module('click')\n"
    )
    argv = [str(Path(sys.executable).with_name(program)), "--version"]
    done = run_to_end(
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *argv],
        clean_environ | {"PYTHONPATH": str(scratch)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert program in done.stdout


@pytest.mark.parametrize("program", ["codexlab", "codexlab-run"])
def test_an_interrupt_while_modules_are_loaded_ends_quietly(
    clean_environ: dict[str, str], scratch: Path, program: str
) -> None:
    """A module that interrupts us stands in for Ctrl-C at the first moment."""
    interrupting = "import signal\nsignal.raise_signal(signal.SIGINT)\n"
    body = "import sys; sys.argv[0] = '{0}'; from codexlab import cli; cli.{1}()"
    for module in ("selectors", "uuid", "click"):
        (scratch / f"{module}.py").write_text(interrupting)
    entry = "command" if program == "codexlab" else "launch"
    done = run_to_end(
        [sys.executable, "-c", body.format(program, entry)],
        clean_environ | {"PYTHONPATH": str(scratch)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
