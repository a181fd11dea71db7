"""A sidecar of a run is no child of the run and never outlives the guardian."""

from __future__ import annotations

import subprocess
import textwrap
from collections.abc import Mapping

import pytest
from support.processes.guarded import run_guarded_script, start_guarded

from codexlab.kernel.process.identity import identify, is_running
from codexlab.kernel.process.procfs import wait_any_exit

_START_SIDECAR = """
null = os.open(os.devnull, os.O_RDWR)
def start_sidecar():
    sleep = SpawnSpec("/bin/sleep", ("sleep", "60"), {}, "/", nice=5)
    channel.send(StartSidecar(sleep), [null, 1, 2])
    return channel.receive(decode_answer)[0]
"""


def test_a_sidecar_is_no_child_of_the_run_and_its_end_is_told(
    clean_environ: Mapping[str, str],
) -> None:
    body = """
    started = start_sidecar()
    nice = os.getpriority(os.PRIO_PROCESS, started.pid)
    print(type(started).__name__, nice == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 5))
    channel.send(ListChildren())
    print(list(news(channel, ChildrenLeft).pids))
    os.kill(started.pid, signal.SIGTERM)
    print(os.WTERMSIG(news(channel, SidecarExited).status))
    channel.send(Finish(0))
    """
    status, out, err = run_guarded_script(_START_SIDECAR + textwrap.dedent(body), clean_environ)
    assert (status, out) == (0, "SidecarStarted True\n[]\n15\n"), err


@pytest.mark.parametrize(
    "end",
    [
        "channel.send(Finish(0))",
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.kill(os.getppid(), signal.SIGKILL); os.kill(os.getpid(), signal.SIGKILL)",
    ],
)
def test_a_sidecar_never_outlives_its_guardian(clean_environ: Mapping[str, str], end: str) -> None:
    body = f"""
    print(start_sidecar().pid, flush=True)
    sys.stdin.readline()
    {end}
    """
    script = _START_SIDECAR + textwrap.dedent(body)
    with start_guarded(script, clean_environ, stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        sidecar = identify(int(process.stdout.readline()))
        assert sidecar is not None
        process.communicate("\n", timeout=30)
    wait_any_exit([sidecar], 30)
    assert not is_running(sidecar)
