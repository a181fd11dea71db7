"""A child is born inside its leaf, and where it cannot be, it joins it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.commands import program
from support.processes.guarded import run_guarded_script

_BORN = program("forks_into")


def test_the_child_is_a_member_from_the_start_and_python_goes_on_in_it(leaf: Path) -> None:
    done = run_python(_BORN, leaf)
    assert done.stdout.split() == [leaf.name, "7"], done.stderr


def test_a_leaf_that_is_not_there_forks_nothing(leaf: Path) -> None:
    body = """
import os, sys
from codexlab.kernel.cgroup.clone_into import fork_into
try:
    fork_into(sys.argv[1] + "/gone")
except FileNotFoundError:
    print("none")
try:
    os.wait()
except ChildProcessError:
    print("no child")
"""
    assert run_python(body, leaf).stdout == "none\nno child\n"


def run_python(body: str, leaf: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", body, str(leaf)], capture_output=True, text=True, timeout=30
    )


@pytest.mark.parametrize("refusal", ["", "ENOSYS", "EPERM"])
def test_an_agent_starts_in_its_leaf_also_where_it_cannot_be_born_there(
    leaf: Path, refusal: str, clean_environ: Mapping[str, str]
) -> None:
    refuse = f"""
import errno
from codexlab.kernel.cgroup import clone_into
def refused(arguments):
    raise OSError(errno.{refusal}, "refused")
clone_into._clone = refused
"""
    body = f"""
script = 'grep -q "{leaf.name}$" /proc/self/cgroup'
print(sh(channel, script, {str(leaf)!r}).__class__.__name__, news(channel, AgentExited).status)
channel.send(Finish(0))
"""
    status, out, err = run_guarded_script(body, clean_environ, before=refuse if refusal else "")
    assert (status, out) == (0, "Spawned 0\n"), err
