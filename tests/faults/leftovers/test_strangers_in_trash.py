"""gc deletes nothing from the trash but what a removal put there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from support.lab import Lab
from support.workspace.forging import codexlab, workspace_of

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

PLAIN = ["--agent", "generic", "--no-repo"]
COLLECT = ("workspace", "gc", "--idle", "0s", "--apply")


def test_what_no_removal_put_into_the_trash_stays_and_a_line_names_it(caller: Lab) -> None:
    script = (
        'mkdir -p "$0/mine"; echo unique >"$0/mine/file"; echo unique >work; ln -s / "$0/link";'
        ' mv "$1/1/generic" "$0/moved"'
    )
    trash = caller.workspaces_root / ".trash"
    words = ["sh", "-c", script, str(trash), str(caller.workspaces_root / "default")]
    caller.run(["--issue", "1", *PLAIN], words)
    told = [codexlab(caller, "workspace", "gc"), codexlab(caller, *COLLECT)]
    assert sorted(path.name for path in trash.iterdir()) == ["link", "mine", "moved"]
    assert (trash / "moved/workdir/work").read_text() == "unique\n"
    assert (trash / "mine/file").read_text() == "unique\n"
    for done in told:
        assert all(f"{trash / name}: kept" in done.stderr for name in ("link", "mine", "moved"))


def leave_in_trash(lab: Lab) -> Path:
    """Have a removal of issue 1 stop half-way, at what nobody can delete; return what is left."""
    fixed = workspace_of(lab, "1") / "codex-home/log/fixed"
    fixed.parent.mkdir(exist_ok=True)
    fixed.touch()
    if subprocess.run(["chattr", "+i", fixed], check=False, capture_output=True).returncode != 0:
        pytest.skip("no file can be made immutable here")
    try:
        codexlab(lab, "workspace", "remove", "1")
    finally:
        (fixed,) = lab.workspaces_root.rglob("fixed")
        subprocess.run(["chattr", "-i", fixed], check=True)
    (entry,) = (lab.workspaces_root / ".trash").iterdir()
    return entry


def test_what_a_removal_left_goes_and_another_directory_in_its_place_stays(
    lab: Lab, scratch: Path
) -> None:
    lab.run(["--issue", "1", *PLAIN], ["true"])
    entry = leave_in_trash(lab)
    aside = scratch / "aside"
    entry.rename(aside)
    entry.mkdir()
    (entry / "unique").touch()
    assert f"{entry}: kept" in codexlab(lab, *COLLECT).stderr
    assert (entry / "unique").exists()
    shutil.rmtree(entry)
    aside.rename(entry)
    assert "kept" not in codexlab(lab, *COLLECT).stderr
    assert not entry.exists()
    assert not list(Path(lab.environ["XDG_STATE_HOME"]).glob("codexlab/trashed/*"))
