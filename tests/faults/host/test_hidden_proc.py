"""``hidepid`` hides other users' processes, and the run is proven all the same."""

from __future__ import annotations

import json
import os

import pytest
from support.commands import run_to_end
from support.lab import Lab
from support.records import without_names
from support.users.unprivileged import Unprivileged


@pytest.mark.parametrize("hide", ["invisible", "ptraceable", "noaccess"])
def test_a_user_who_sees_only_its_own_processes_has_a_subreaper(
    lab: Lab, as_nobody: Unprivileged, hide: str
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount /proc")
    flags = ["--issue", "1", "--agent", "generic", "--no-repo"]
    command = lab.argv(flags, ["sh", "-c", "setsid sleep 60 & exit 6"])
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    script = f'mount -t proc -o hidepid={hide} none /proc || exit 99; "$@"'
    done = run_to_end(
        [*apart, "sh", "-c", script, "sh", *as_nobody.argv(command)],
        {**as_nobody.environ, **as_nobody.places(), "HOME": str(as_nobody.home)},
        as_nobody.home,
    )
    if done.returncode == 99:
        pytest.skip(f"this kernel cannot mount proc with hidepid={hide}: {done.stderr}")
    assert done.returncode == 6, done.stderr
    (path,) = as_nobody.home.glob("ws/*/*/*/.codexlab/runs/*/record.json")
    contained = json.loads(path.read_text())["contained"]
    assert without_names(contained) == {
        "mechanism": "subreaper",
        "proven": True,
        "swept": 1,
        "left": 0,
    }
