"""What a process was started with is hidden from others and stays its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import program

from codexlab.guardian.spawning.fork_server import fork_guardian, start_fork_server

HIDE = program("hides_what_it_was_started_with")


def hidden(*arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", HIDE, *arguments],
        env={**os.environ, "PLANTED": "secret", "CODEXLAB_RUN_ID": "a-tag"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_environment_is_blank_but_for_the_tag_and_everybody_here_keeps_it() -> None:
    assert hidden()[:3] == ["CODEXLAB_RUN_ID=a-tag secret", "secret", "secret"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("--set A=secret", "--set A=******"),
        ("--set=s=geheim", "--set=s=******"),
        ("--set A=b=c --set B= --other A=b", "--set A=*** --set B= --other A=b"),
        ("--set A --setting A=b", "--set A --setting A=b"),
        ("--issue 1", "--issue 1"),
    ],
)
def test_what_an_option_assigns_is_masked_and_nothing_else(given: str, shown: str) -> None:
    *_, cmdline, argv = hidden(*given.split())
    assert cmdline.rstrip() == shown
    assert argv == given


def test_neither_a_hosts_fork_server_nor_its_guardians_show_the_hosts_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLANTED", "of-the-host")
    process, server = start_fork_server()
    try:
        channel, guardian = fork_guardian(server)
        shown = [Path(f"/proc/{pid}/environ").read_bytes() for pid in (process.pid, guardian)]
        channel.close()
    finally:
        server.close()
        process.wait(10)
    assert [data.strip(b"\0") for data in shown] == [b"", b""]


@pytest.mark.parametrize(("tag", "dumpable"), [({}, "0"), ({"CODEXLAB_RUN_ID": "outer"}, "1")])
def test_a_run_within_a_run_stays_open_to_the_guardian_that_ends_it_by_its_tag(
    tag: dict[str, str], dumpable: str
) -> None:
    script = (
        "import ctypes; from codexlab.kernel.process.hide_cmdline import hide_memory;"
        " hide_memory();"
        "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"  # PR_GET_DUMPABLE
    )
    rest = {name: value for name, value in os.environ.items() if name != "CODEXLAB_RUN_ID"}
    told = subprocess.run(
        [sys.executable, "-c", script], env=rest | tag, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == dumpable
