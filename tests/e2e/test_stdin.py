"""What the agent reads, in each form that ``--stdin`` has."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.agents.codex import CURRENT, Codex
from support.git.repositories import git
from support.lab import Lab, Task
from support.model.server import ModelFactory, ModelRequest, Turn, say

FLAGS = ["--issue", "1"]
_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
DROPPED = (
    "codexlab-run: stdin is a pipe and was not passed on; the agent got its prompt as an"
    " argument (--stdin inherit passes it)\n"
)


def run(lab: Lab, flags: list[str], stdin: int | None, said: bytes = b"") -> tuple[int, bytes, str]:
    """Let ``cat`` print what it reads.

    :param stdin: a descriptor to stand on, or None: a pipe through which ``said`` comes.
    """
    argv = lab.argv([*FLAGS, *flags], ["cat"])
    pipe = subprocess.PIPE
    with subprocess.Popen(
        argv, cwd=lab.cwd, env=lab.environ, stdin=pipe if stdin is None else stdin,
        stdout=pipe, stderr=pipe,
    ) as process:  # fmt: skip
        out, err = process.communicate(said if stdin is None else None, timeout=60)
    return process.returncode, out, err.decode()


def pipe_in(lab: Lab, command: list[str], said: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        lab.argv(FLAGS, command), cwd=lab.cwd, env=lab.environ, input=said, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture
def regular(scratch: Path) -> Iterator[int]:
    path = scratch / "words"
    path.write_bytes(b"from a file\n\xff")
    fd = os.open(path, os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.mark.parametrize("flags", [[], ["--stdin", "auto"], ["--stdin", "inherit"]])
def test_a_regular_file_is_passed_on(lab: Lab, regular: int, flags: list[str]) -> None:
    assert run(lab, flags, regular) == (0, b"from a file\n\xff", "")


def test_null_is_empty_whatever_is_there(lab: Lab, regular: int) -> None:
    assert run(lab, ["--stdin", "null"], regular) == (0, b"", "")


def test_a_pipe_is_inherited_when_told_to_and_ends_when_its_writer_ends(lab: Lab) -> None:
    said = bytes(range(256)) * 4096
    assert run(lab, ["--stdin", "inherit"], None, said) == (0, said, "")


def test_the_agent_goes_on_after_its_input_has_ended(lab: Lab) -> None:
    agent = ["sh", "-c", "cat; echo; echo ended; test -e go || read -r _ < go-ahead; echo done"]
    with lab.started(
        [*FLAGS, "--stdin", "inherit", "--no-repo"], agent, stdin=subprocess.PIPE
    ) as r:
        fifo = Path(str(r.wait_for_event("workspace.ready")["workdir"])) / "go-ahead"
        os.mkfifo(fifo)
        assert r.process.stdin is not None
        assert r.process.stdout is not None
        r.process.stdin.write(b"half")
        r.process.stdin.close()
        r.process.stdin = None
        assert r.process.stdout.readline() == b"half\n"
        assert r.process.stdout.readline() == b"ended\n"
        fifo.write_bytes(b"\n")
        status, out, _ = r.finish()
    assert (status, out) == (0, b"done\n")


def test_a_named_file_is_read_and_the_callers_own_stdin_is_not(
    lab: Lab, scratch: Path, regular: int
) -> None:
    path = scratch / "prompt with spaces"
    path.write_bytes(b"named\n")
    assert run(lab, ["--stdin", str(path)], regular) == (0, b"named\n", "")


def test_what_a_shell_substitutes_for_a_command_is_read(lab: Lab) -> None:
    script = '"$@" --stdin <(printf "from a command") -- cat'
    argv = ["bash", "-c", script, "bash", *lab.argv(FLAGS)]
    done = subprocess.run(
        argv, cwd=lab.cwd, env=lab.environ, stdin=subprocess.DEVNULL, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, b"from a command"), done.stderr


@pytest.mark.parametrize("kind", ["pipe", "directory", "missing"])
def test_what_cannot_be_read_is_one_line_and_nothing_runs(
    lab: Lab, scratch: Path, kind: str
) -> None:
    path = scratch / "place"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    done = lab.run([*FLAGS, "--stdin", path], ["cat"])
    problem = {
        "pipe": "is a named pipe; let the shell open it (--stdin inherit <PIPE)",
        "directory": "is a directory",
        "missing": "No such file or directory",
    }[kind]
    assert done.returncode == 125
    assert done.stderr.startswith(f"codexlab-run: --stdin {path}: {problem}; expected auto")
    assert done.stderr.count("\n") == 1
    assert not lab.workspaces_root.exists()


def test_codex_reads_its_prompt_from_the_pipe_it_was_given(
    lab: Lab, model: ModelFactory, task: Task
) -> None:
    prompts: list[str] = []

    def script(request: ModelRequest) -> Turn:
        prompts.append(request.prompt)
        return say("understood")

    model(script)
    done = pipe_in(lab, task("-"), b"a prompt through the pipe")
    assert done.returncode == 0, done.stderr
    assert prompts == ["a prompt through the pipe"]
    assert b"was not passed on" not in done.stderr


@pytest.mark.parametrize("codex", [CURRENT], indirect=True)
@pytest.mark.parametrize(
    "options", [["--thread-source", "automation"], ["-i", "a.png", "b.png"]], ids=["valued", "many"]
)
def test_the_value_of_an_option_is_no_prompt(
    lab: Lab, model: ModelFactory, task: Task, options: list[str]
) -> None:
    server = model([say("understood")])
    for name in ("a.png", "b.png"):
        (lab.cwd / name).write_bytes(_PIXEL)
    git(lab.cwd, "add", ".")
    git(lab.cwd, "commit", "-qm", "pictures")
    done = pipe_in(lab, task(*options), b"a prompt through the pipe")
    assert done.returncode == 0, done.stderr
    assert server.requests[0].prompt.endswith("a prompt through the pipe")


def test_a_pipe_reaches_a_codex_that_a_package_runner_starts(
    lab: Lab, model: ModelFactory, codex: Codex
) -> None:
    server = model([say("understood")])
    words = ["env", "A=1", "timeout", "60", "node", str(codex.launcher), "exec", "--json"]
    done = pipe_in(lab, words, b"a prompt through the pipe")
    assert done.returncode == 0, done.stderr
    assert server.requests[0].prompt == "a prompt through the pipe"
    (record,) = lab.records
    assert (record["agent"], record["agent_outcome"]) == ("codex", "completed")
    assert record["thread"] == server.requests[0].thread


def test_in_doubt_a_pipe_is_passed_on_that_has_something_to_read(lab: Lab) -> None:
    codex = lab.cwd.parent / "codex"
    codex.write_text("#!/bin/sh\ncat\n")
    codex.chmod(0o755)
    command = [str(codex), "exec", "--from-the-future", "value-or-prompt"]
    assert pipe_in(lab, command, b"said").stdout == b"said"
    with lab.started(FLAGS, command, stdin=subprocess.PIPE) as run:
        # Its writer stays and says nothing: this time the word was the prompt.
        status = run.process.wait(60)
        err = run.process.stderr
        assert (status, err and DROPPED in err.read().decode()) == (0, True)


def test_claude_reads_its_prompt_from_the_pipe_also_behind_one_it_was_given(
    lab: Lab, claude_model: ModelFactory, claude_task: Task
) -> None:
    server = claude_model([say("one"), say("two")])
    for words in ([], ["review this"]):
        done = pipe_in(lab, claude_task(*words), b"what came by pipe")
        assert done.returncode == 0, done.stderr
    assert [request.prompt for request in server.requests] == [
        "what came by pipe",
        "review this\nwhat came by pipe",
    ]


def test_a_pipe_that_is_never_closed_keeps_no_codex_waiting_that_has_its_prompt(
    lab: Lab, model: ModelFactory, task: Task
) -> None:
    model([say("done")])
    with lab.started(FLAGS, task("a prompt"), stdin=subprocess.PIPE) as run:
        # Its writer stays: whoever reads it waits for ever.
        err = run.process.stderr
        assert run.process.wait(60) == 0
        assert err is not None
        assert DROPPED in err.read().decode()
