"""``codexlab logs`` shows what a run wrote, in its order, while it runs and whatever lies there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.lab import Lab, Running
from support.processes.starting import started_program
from support.terminal.program import on_terminal

FLAGS = ["--issue", "1", "--agent", "generic", "--no-repo", "--stdin", "inherit"]
SPEAKER = [
    "sh",
    "-c",
    'while read to text; do if [ "$to" = err ]; then echo "$text" >&2; else echo "$text"; fi; done',
]


class Spoken:
    """A run whose agent says what it is told to; each line has arrived when the call returns."""

    def __init__(self, run: Running) -> None:
        self.run = run

    def say(self, stream: str, text: str) -> None:
        process = self.run.process
        source = process.stderr if stream == "err" else process.stdout
        assert process.stdin is not None
        assert source is not None
        process.stdin.write(f"{stream} {text}\n".encode())
        assert source.readline() == f"{text}\n".encode()

    def end(self) -> None:
        assert self.run.process.stdin is not None
        self.run.process.stdin.close()
        self.run.process.wait(30)


@contextmanager
def speaking(lab: Lab, *flags: str) -> Generator[Spoken]:
    with lab.started([*FLAGS, *flags], SPEAKER, stdin=subprocess.PIPE) as run:
        run.wait_for_event("child.spawned")
        yield Spoken(run)


def spoken(lab: Lab, *lines: tuple[str, str], flags: tuple[str, ...] = ()) -> Path:
    """Let a run say these lines and end; return the directory of its logs."""
    with speaking(lab, *flags) as speaker:
        for stream, text in lines:
            speaker.say(stream, text)
        speaker.end()
    return lab.run_directory(lab.records[-1])


ALTERNATING = [("out" if number % 3 else "err", f"line {number}") for number in range(12)]


@contextmanager
def followed(lab: Lab, *words: str) -> Generator[subprocess.Popen[str]]:
    argv = [str(lab.program.with_name("codexlab")), "logs", "-f", "1", *words]
    with started_program(argv, lab.environ, lab.cwd) as process:
        yield process


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_both_streams_stand_in_the_order_in_which_they_came(lab: Lab) -> None:
    spoken(lab, *ALTERNATING)
    texts = [text for _, text in ALTERNATING]
    assert lab.codexlab("logs", "1").stdout.splitlines() == texts
    timed = [line.split(" ", 1) for line in lab.codexlab("logs", "1", "-t").stdout.splitlines()]
    assert [text for _, text in timed] == texts
    assert [time for time, _ in timed] == sorted(time for time, _ in timed)
    assert all(time.endswith("Z") for time, _ in timed)
    described = [
        json.loads(line) for line in lab.codexlab("logs", "1", "--json").stdout.split("\n")[:-1]
    ]
    assert [(each["stream"][3:], each["text"]) for each in described] == ALTERNATING
    assert [each["time"] for each in described] == [time for time, _ in timed]


def test_a_part_is_chosen_by_stream_number_and_time(lab: Lab) -> None:
    spoken(lab, *ALTERNATING)
    assert lab.codexlab("logs", "1", "-n", "3").stdout.split("\n")[:-1] == [
        text for _, text in ALTERNATING[-3:]
    ]
    only = lab.codexlab("logs", "1", "--stderr", "-n", "2").stdout.splitlines()
    assert only == ["line 6", "line 9"]
    times = lab.codexlab("logs", "1", "-t").stdout.splitlines()
    since = times[8].split(" ")[0]
    later = lab.codexlab("logs", "1", "--since", since).stdout.splitlines()
    assert [text for _, text in ALTERNATING[8:]] == later[-4:]
    assert lab.codexlab("logs", "1", "--since", "2099-01-01").stdout == ""


def test_raw_gives_each_byte_as_it_came(lab: Lab, scratch: Path) -> None:
    source = scratch / "bytes"
    source.write_bytes(bytes(range(256)) * 1000 + b"\x00 no end of a line")
    run = lab.argv(FLAGS[:-2], ["cat", source])
    subprocess.run(run, env=lab.environ, cwd=lab.cwd, stdout=subprocess.DEVNULL, check=True)
    out = scratch / "out"
    with out.open("wb") as file:
        argv = [str(lab.program.with_name("codexlab")), "logs", "1", "--raw"]
        subprocess.run(argv, env=lab.environ, cwd=lab.cwd, stdout=file, check=True)
    assert out.read_bytes() == source.read_bytes()


def test_a_follower_sees_each_line_and_ends_with_the_run(lab: Lab) -> None:
    with speaking(lab) as speaker:
        speaker.say("out", "before")
        with followed(lab) as process:
            assert next_line(process) == "before\n"
            for stream, text in ALTERNATING:
                speaker.say(stream, text)
                assert next_line(process) == f"{text}\n"
            speaker.end()
            assert process.wait(30) == 0
            assert process.communicate() == ("", "")


def test_a_follower_loses_nothing_when_the_log_is_rotated(lab: Lab) -> None:
    with speaking(lab, "--log-max-size", "100") as speaker:
        speaker.say("err", "on stderr")
        with followed(lab) as process:
            assert next_line(process) == "on stderr\n"
            for number in range(30):
                text = f"a line that is long enough, {number}"
                speaker.say("out", text)
                assert next_line(process) == f"{text}\n"
            speaker.end()
            assert process.wait(30) == 0
    kept = lab.codexlab("logs", "1").stdout.splitlines()
    assert kept[0] == "on stderr"
    assert kept[-1] == "a line that is long enough, 29"


def test_a_killed_guardian_ends_its_follower(lab: Lab) -> None:
    with speaking(lab) as speaker:
        speaker.say("out", "said")
        with followed(lab) as process:
            assert next_line(process) == "said\n"
            os.kill(speaker.run.guardian, signal.SIGKILL)
            assert process.wait(30) == 0


def test_a_follower_whose_reader_has_gone_ends_also_while_nothing_comes(lab: Lab) -> None:
    with speaking(lab) as speaker:
        speaker.say("out", "said")
        with followed(lab) as process:
            assert next_line(process) == "said\n"
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert process.wait(30) == 141
            assert process.stderr.read() == ""
        speaker.end()


def test_logs_that_are_removed_end_their_follower_in_one_line(lab: Lab) -> None:
    with speaking(lab) as speaker:
        speaker.say("out", "said")
        with followed(lab) as process:
            assert next_line(process) == "said\n"
            # The record of a run that goes on is not finished yet: it is found by its place.
            (directory,) = lab.workspaces_root.glob("*/*/*/.codexlab/runs/*")
            shutil.rmtree(directory)
            assert process.wait(30) == 125
            assert process.stderr is not None
            assert process.stderr.read().count("\n") == 1
        speaker.end()


@pytest.mark.parametrize("planted", ["link", "fifo", "directory"])
def test_what_lies_in_the_place_of_a_log_is_named_and_the_other_shown(
    lab: Lab, scratch: Path, planted: str
) -> None:
    log = spoken(lab, ("out", "on stdout"), ("err", "on stderr")) / "stdout.log"
    log.unlink()
    secret = scratch / "secret"
    secret.write_text("a secret\n")
    if planted == "link":
        log.symlink_to(secret)
    elif planted == "fifo":
        os.mkfifo(log)
    else:
        log.mkdir()
    done = lab.codexlab("logs", "1")
    assert (done.returncode, done.stdout) == (125, "on stderr\n")
    assert done.stderr.count("\n") == 1
    assert "stdout.log: " in done.stderr


@pytest.mark.parametrize("damage", ["missing", "torn", "noise", "fifo"])
def test_every_byte_is_shown_whatever_the_index_says(lab: Lab, damage: str) -> None:
    index = spoken(lab, *ALTERNATING) / "output.index"
    data = index.read_bytes()
    index.unlink()
    if damage == "torn":
        index.write_bytes(data[:-5])
    elif damage == "noise":
        index.write_bytes(data[:48] + os.urandom(24 * 100))
    elif damage == "fifo":
        os.mkfifo(index)
    done = lab.codexlab("logs", "1")
    assert done.returncode == 0
    assert sorted(done.stdout.splitlines()) == sorted(text for _, text in ALTERNATING)
    if damage in ("missing", "fifo"):
        by_stream = sorted(ALTERNATING, key=lambda line: line[0])
        assert done.stdout.splitlines() == [text for _, text in by_stream]
        assert done.stderr.count("\n") == 1
        refused = lab.codexlab("logs", "1", "--since", "1h")
        assert (refused.returncode, refused.stdout) == (125, "")
    else:
        assert done.stderr == ""


def test_a_terminal_obeys_nothing_that_the_agent_wrote(lab: Lab) -> None:
    evil = r"printf '\033]0;title\007\033[2Jwiped\r\n\302\2332J\n'; printf 'faint\n' >&2"
    assert lab.run(FLAGS[:-2], ["sh", "-c", evil]).returncode == 0
    command = [str(lab.program.with_name("codexlab")), "logs", "1", "-t"]
    for words in (command, [*command, "--raw"]):
        shown = on_terminal(words, {**lab.environ, "TERM": "xterm"})
        assert "wiped" in shown
        assert "\x1b[2mfaint\x1b[0m" in shown
        for forbidden in ("\x1b]", "\x1b[2J", "\x07", "\x9b"):
            assert forbidden not in shown


def test_a_person_who_follows_is_told_of_the_end(lab: Lab) -> None:
    spoken(lab, ("out", "said"))
    command = [str(lab.program.with_name("codexlab")), "logs", "-f", "1"]
    shown = on_terminal(command, lab.environ)
    assert shown.replace("\r", "") == "said\ncodexlab: 1 generic: it has ended: exit 0\n"


def test_the_events_of_codex_are_shown_as_a_conversation(lab: Lab, scratch: Path) -> None:
    codex = scratch / "bin" / "codex"
    codex.parent.mkdir()
    events = (
        {"type": "turn.started"},
        {"type": "item.started", "item": {"type": "command_execution", "command": "make \x1b[2J"}},
        {
            "type": "item.completed",
            "item": {"type": "command_execution", "aggregated_output": "built\n", "exit_code": 2},
        },
        {"type": "item.completed", "item": {"type": "agent_message", "text": "It\nfails."}},
    )
    lines = "\n".join(json.dumps(event) for event in events)
    codex.write_text(f"#!/bin/sh\ncat <<'END'\n{lines}\nno event\nEND\n")
    codex.chmod(0o755)
    lab.run(["--issue", "1", "--no-repo"], [codex, "exec", "--json", "x"])
    assert lab.codexlab("logs", "1").stdout.splitlines() == [
        "▸ make ␛[2J",
        "  │ built",
        "  └ exit 2",
        "It",
        "fails.",
        "no event",
    ]
    assert lab.codexlab("logs", "1", "--raw").stdout == f"{lines}\nno event\n"


def test_a_run_without_logs_is_told_why_in_one_line(lab: Lab) -> None:
    spoken(lab, ("out", "said"))
    shutil.rmtree(lab.workspace)
    done = lab.codexlab("logs", "1")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (125, "", 1)
    assert "is gone" in done.stderr
    assert lab.run(["--issue", "2", "--base", "nothing"], ["true"]).returncode == 125
    refused = lab.codexlab("logs", "2")
    assert refused.returncode == 125
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [[], ["nothing"], ["1", "--since", "soon"], ["1", "-n", "-1"], ["1", "--raw", "--json"]],
)
def test_wrong_words_are_one_line_and_125(lab: Lab, words: list[str]) -> None:
    done = lab.codexlab("logs", *words)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.count("\n") == 1
