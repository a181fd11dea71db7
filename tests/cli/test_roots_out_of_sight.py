"""A root of a run's that nobody can look at is named, and is not taken for gone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import CODEXLAB
from support.lab import Lab
from support.users.unprivileged import without_power_over_files

pytestmark = pytest.mark.usefixtures("bound_by_modes")


@pytest.fixture
def elsewhere(lab: Lab, scratch: Path) -> Iterator[Path]:
    """A root that a run has used, in a directory of its own."""
    root = scratch / "above" / "root"
    root.parent.mkdir()
    flags = ["--issue", "1", "--agent", "generic", "--no-repo"]
    flags += ["--workspaces-root", str(root)]
    assert lab.run(flags, ["true"]).returncode == 0
    yield root
    if root.parent.exists():
        root.parent.chmod(0o700)


def reap(lab: Lab) -> tuple[int, object, str]:
    done = lab.call(without_power_over_files([CODEXLAB, "reap", "--json"]))
    return done.returncode, json.loads(done.stdout), done.stderr


def test_reap_names_a_root_below_a_directory_that_nobody_may_enter(
    lab: Lab, elsewhere: Path
) -> None:
    elsewhere.parent.chmod(0)
    status, said, told = reap(lab)
    assert (status, said) == (125, {"runs": [], "leaves": []})
    assert told.count("\n") == 1
    assert f"{elsewhere}: Permission denied" in told


def test_reap_says_nothing_of_a_root_that_is_gone(lab: Lab, elsewhere: Path) -> None:
    shutil.rmtree(elsewhere.parent)
    assert reap(lab) == (0, {"runs": [], "leaves": []}, "")
