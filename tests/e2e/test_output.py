"""What an agent writes arrives as it is, whatever it is and whoever reads it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from support.lab import Lab

FLAGS = ["--issue", "1", "--no-repo"]
MIB = 1 << 20


def logs_of(lab: Lab) -> Path:
    (path,) = lab.workspaces_root.glob("*/*/*/.codexlab/runs/*")
    return path


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_every_byte_of_binary_output_passes_and_is_logged(lab: Lab, scratch: Path) -> None:
    source = scratch / "bytes"
    source.write_bytes(bytes(range(256)) * 4096 + os.urandom(4 * MIB) + b"\x00 no newline")
    out = scratch / "out"
    with out.open("wb") as file:
        argv = lab.argv(FLAGS, ["cat", source])
        done = subprocess.run(
            argv, cwd=lab.cwd, env=lab.environ, stdin=subprocess.DEVNULL, stdout=file,
            stderr=subprocess.PIPE, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert digest_of(out) == digest_of(source)
    assert digest_of(logs_of(lab) / "stdout.log") == digest_of(source)


def test_a_hundred_megabytes_on_one_line_pass_and_the_log_keeps_to_its_size(lab: Lab) -> None:
    count = "import sys; sys.stdout.buffer.writelines(b'x' * (1 << 20) for _ in range(100))"
    argv = lab.argv([*FLAGS, "--log-max-size", "30M"], [sys.executable, "-c", count])
    with subprocess.Popen(
        argv, cwd=lab.cwd, env=lab.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        size = 0
        while chunk := process.stdout.read(MIB):
            size += len(chunk)
    assert (process.returncode, size) == (0, 100 * MIB)
    kept = {path.name: path.stat().st_size for path in logs_of(lab).glob("stdout.log*")}
    assert set(kept) == {"stdout.log", "stdout.log.1"}
    assert all(0 < each <= 30 * MIB for each in kept.values())


def test_a_reader_that_goes_away_neither_ends_nor_holds_up_the_agent(lab: Lab) -> None:
    # More than every pipe on the way holds, and it says in the end that it got there.
    agent = "head -c 5000000 /dev/zero && echo written >&2; exit 4"
    argv = lab.argv(FLAGS, ["sh", "-c", agent])
    with subprocess.Popen(
        argv, cwd=lab.cwd, env=lab.environ, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(10) == bytes(10)
        process.stdout.close()
        assert process.stderr.readline() == b"written\n"
        assert process.wait(60) == 4
    assert (logs_of(lab) / "stdout.log").stat().st_size == 5_000_000


def test_a_reader_that_stalls_loses_nothing_and_the_end_waits_for_it(lab: Lab) -> None:
    with lab.started(FLAGS, ["head", "-c", "5000000", "/dev/zero"]) as run:
        run.wait_for_event("child.spawned")
        # Nobody reads yet, so the agent is held up as by any pipe.
        assert run.process.poll() is None
        status, out, _ = run.finish()
    assert (status, len(out)) == (0, 5_000_000)


def test_a_limit_ends_a_run_whose_reader_stalls(lab: Lab) -> None:
    flags = [*FLAGS, "--idle-timeout", "1s", "--grace", "1s"]
    with lab.started(flags, ["cat", "/dev/zero"]) as run:
        assert run.process.wait(60) == 124
    assert lab.records[0]["contained"]["left"] == 0


def test_a_stdout_that_takes_nothing_is_no_matter_to_the_agent(lab: Lab) -> None:
    with open("/dev/full", "wb") as full:
        argv = lab.argv(FLAGS, ["sh", "-c", "head -c 300000 /dev/zero; exit 5"])
        done = subprocess.run(
            argv, cwd=lab.cwd, env=lab.environ, stdin=subprocess.DEVNULL, stdout=full,
            stderr=subprocess.PIPE, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 5, done.stderr
    assert (logs_of(lab) / "stdout.log").stat().st_size == 300_000


def test_the_event_of_its_start_names_the_logs(lab: Lab) -> None:
    with lab.started(FLAGS, ["sh", "-c", "echo out; echo err >&2"]) as run:
        paths = run.wait_for_event("child.spawned")["logs"]
        run.finish()
    assert {name: Path(path).read_bytes() for name, path in paths.items()} == {
        "stdout": b"out\n",
        "stderr": b"err\n",
    }
