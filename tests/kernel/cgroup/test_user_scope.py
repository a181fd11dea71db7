"""Asking systemd's user manager for a scope: what is asked, and what when it does not answer well.

The manager here is a stand-in that says and does what it is told to; the real one is
asked in ``tests/faults/adversaries/test_scope.py``.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from codexlab.kernel.cgroup.leaf import own_cgroup
from codexlab.kernel.cgroup.systemd_scope import ScopeRefused, enter_user_scope

Group = Callable[[str], Path]


@pytest.fixture
def group() -> Iterator[Group]:
    """Make groups below our own; they are removed with whatever was made in them."""
    home = own_cgroup()
    if home is None or not os.access(home, os.W_OK):
        pytest.skip("no writable cgroup v2 here")
    tops: set[Path] = set()

    def make(name: str) -> Path:
        path = home / name
        path.mkdir(parents=True)
        tops.add(home / name.split("/")[0])
        return path

    yield make
    for top in tops:
        for path, _, _ in os.walk(top, topdown=False):
            os.rmdir(path)


@pytest.fixture
def process(group: Group) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a login session's scope of this user."""
    session = group(f"user-{os.getuid()}.slice/session-1.scope")
    with subprocess.Popen(["sleep", "60"]) as child:
        (session / "cgroup.procs").write_text(str(child.pid))
        yield child
        child.kill()


@pytest.fixture
def runtime(scratch: Path) -> Iterator[Path]:
    """A runtime directory in which a manager seems to listen."""
    place = scratch / "run"
    (place / "systemd").mkdir()
    names = (place / "bus", place / "systemd" / "private")
    listeners = [socket.socket(socket.AF_UNIX) for _ in names]
    for listener, name in zip(listeners, names, strict=True):
        listener.bind(str(name))
    yield place
    for listener in listeners:
        listener.close()
    (place / "bus").unlink(missing_ok=True)
    (place / "systemd" / "private").unlink(missing_ok=True)
    (place / "systemd").rmdir()


def environ(runtime: Path, script: str, scratch: Path) -> dict[str, str]:
    """Return an environment whose busctl is that script."""
    program = scratch / "bin" / "busctl"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"XDG_RUNTIME_DIR": str(runtime), "PATH": str(program.parent)}


def test_the_process_is_moved_and_the_scope_is_left_to_the_groups_beside_it(
    process: subprocess.Popen[bytes], runtime: Path, scratch: Path, group: Group
) -> None:
    scope = group("app.slice") / "codexlab-x.scope"
    script = f"echo $* >{scratch}/asked; mkdir {scope}; echo {process.pid} >{scope}/cgroup.procs"
    places = environ(runtime, f"PATH=/usr/bin:/bin; {script}", scratch)
    assert enter_user_scope(process.pid, "codexlab-x", places) == scope
    assert (scope / "cgroup.procs").read_text() == ""
    assert (scope / "keeper" / "cgroup.procs").read_text() == f"{process.pid}\n"
    asked = (scratch / "asked").read_text()
    assert asked.startswith(f"--address=unix:path={runtime}/bus call org.freedesktop.systemd1 ")
    assert f"codexlab-x.scope fail 4 PIDs au 1 {process.pid} Delegate b true " in asked


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'Call failed: Access denied' >&2; exit 1", "user manager: Call failed: Access den"),
        ("exit 1", "user manager: refused"),
        ("exec sleep 60", "did not answer in 0.3 s"),
        ("exit 0", "made no scope in 0.3 s"),
    ],
)
def test_a_manager_that_does_not_do_it_is_named_and_never_waited_for_long(
    process: subprocess.Popen[bytes], runtime: Path, scratch: Path, script: str, words: str
) -> None:
    places = environ(runtime, f"PATH=/usr/bin:/bin; {script}", scratch)
    with pytest.raises(ScopeRefused, match=words):
        enter_user_scope(process.pid, "codexlab-x", places, patience=0.3)


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("run/bus", "no user manager"),
        ("run/systemd/private", "no user manager"),
        ("bin/busctl", "busctl is not installed"),
    ],
)
def test_where_no_manager_can_be_asked_that_is_said(
    process: subprocess.Popen[bytes], runtime: Path, scratch: Path, missing: str, words: str
) -> None:
    places = environ(runtime, "exit 0", scratch)
    (scratch / missing).unlink()
    with pytest.raises(ScopeRefused, match=words):
        enter_user_scope(process.pid, "codexlab-x", places)


def test_nothing_is_moved_out_of_a_system_services_group(
    group: Group, runtime: Path, scratch: Path
) -> None:
    service = group("system.slice/daemon.service")
    places = environ(runtime, f"echo asked >{scratch}/asked", scratch)
    with subprocess.Popen(["sleep", "60"]) as child:
        (service / "cgroup.procs").write_text(str(child.pid))
        with pytest.raises(ScopeRefused, match="not in a login session"):
            enter_user_scope(child.pid, "codexlab-x", places)
        assert (service / "cgroup.procs").read_text() == f"{child.pid}\n"
        child.kill()
    assert not (scratch / "asked").exists()
