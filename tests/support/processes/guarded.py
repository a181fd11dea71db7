"""Run a few lines as the supervisor of a real guardian, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Mapping

_FRAME = """
import os, signal, sys
from codexlab.guardian.codec import decode_answer
from codexlab.guardian.entry import run_with_guardian
from codexlab.guardian.protocol import (
    StartSidecar, AgentExited, AgentStopped, ChildrenLeft, SidecarExited, Finish, ForgetTerminal,
    ListChildren, Released, RunHandover, Signalled, Spawn, SpawnSpec)

def sh(channel, script, leaf=None, **spec):
    null = os.open(os.devnull, os.O_RDWR)
    program = {{"path": "/bin/sh", "argv": ("sh", "-c", script), "cwd": "/", "leaf": leaf,
        "environment": {{"PATH": os.environ["PATH"], "CODEXLAB_RUN_ID": "testrun"}}, **spec}}
    channel.send(Spawn(SpawnSpec(**program)), [null, 1, 2])
    return channel.receive(decode_answer)[0]

def news(channel, kind):
    while True:
        received = channel.receive(decode_answer)
        assert received is not None, kind
        if isinstance(received[0], kind):
            return received[0]

def supervise(channel):
{body}

{before}
sys.exit(run_with_guardian(supervise))
"""


def start_guarded(
    body: str,
    environ: Mapping[str, str],
    *,
    start_new_session: bool = False,
    stdin: int = subprocess.DEVNULL,
    before: str = "",
) -> subprocess.Popen[str]:
    """Start a guardian whose supervisor runs ``body``, with ``channel``, ``sh`` and ``news``.

    :param before: lines that the guardian itself runs first.
    """
    body = textwrap.indent(textwrap.dedent(body), "    ")
    script = _FRAME.format(body=body, before=textwrap.dedent(before))
    return subprocess.Popen(
        [sys.executable, "-c", script],
        env=dict(environ),
        text=True,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=start_new_session,
    )


def run_guarded_script(
    body: str, environ: Mapping[str, str], *, before: str = ""
) -> tuple[int, str, str]:
    """Run it to its end; return status, stdout and stderr."""
    with start_guarded(body, environ, before=before) as process:
        out, err = process.communicate(timeout=30)
    return process.returncode, out, err
