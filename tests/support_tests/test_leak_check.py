"""The leak check of tests/conftest.py catches what it is there for.

Each case runs a pytest of its own over one small test file.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.agents.codex import CHECKOUT
from support.commands import run_to_end
from support.users.unprivileged import Unprivileged

_HEAD = "import os, pathlib, subprocess, sys\n"


def run_nested(scratch: Path, body: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a pytest over one file, with the project's own fixtures, and return its report."""
    directory = scratch / "nested"
    directory.mkdir(exist_ok=True)
    (directory / "test_nested.py").write_text(_HEAD + body)
    (directory / "pytest.ini").write_text("[pytest]\n")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{CHECKOUT / 'tests'}",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "CODEXLAB_TEST_SCRATCH": str(scratch / "inner"),
        **environ,
    }
    return run_to_end(
        [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider", "-q", "."],
        environment,
        directory,
    )


def test_a_test_that_cleans_up_passes(scratch: Path) -> None:
    done = run_nested(scratch, "def test_tidy():\n    subprocess.run(['sleep', '0.01'])\n")
    assert done.returncode == 0, done.stdout
    assert not (scratch / "inner").exists()


def test_a_child_left_running_fails_its_test_and_is_killed(scratch: Path) -> None:
    done = run_nested(
        scratch,
        "def test_leak():\n"
        "    child = subprocess.Popen(['sleep', '61.25'], start_new_session=True)\n"
        "    child.returncode = 0\n"
        "    pathlib.Path(__file__).with_name('pid').write_text(str(child.pid))\n",
    )
    assert done.returncode == 1
    assert "sleep 61.25" in done.stdout
    pid = int((scratch / "nested" / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists()


def test_an_orphaned_grandchild_fails_its_test(scratch: Path) -> None:
    done = run_nested(
        scratch,
        "def test_leak():\n    subprocess.run(['sh', '-c', 'setsid sleep 61.5 & exit 0'])\n",
    )
    assert done.returncode == 1
    assert "sleep 61.5" in done.stdout


def test_a_child_that_is_just_ending_is_no_leak(scratch: Path) -> None:
    done = run_nested(
        scratch, "def test_ending():\n    subprocess.run(['sh', '-c', 'sleep 0.2 & exit 0'])\n"
    )
    assert done.returncode == 0, done.stdout


def test_a_process_of_a_wider_fixture_is_no_leak(scratch: Path) -> None:
    done = run_nested(
        scratch,
        "import pytest\n"
        "@pytest.fixture(scope='module')\n"
        "def shared():\n"
        "    with subprocess.Popen(['sleep', '61.75']) as child:\n"
        "        yield child\n"
        "        child.kill()\n"
        "def test_one(shared):\n    assert shared.poll() is None\n"
        "def test_two(shared):\n    assert shared.poll() is None\n",
    )
    assert done.returncode == 0, done.stdout


def test_a_runtime_file_left_behind_fails_its_test(scratch: Path) -> None:
    done = run_nested(
        scratch,
        "def test_leak():\n"
        "    left = pathlib.Path(os.environ['XDG_RUNTIME_DIR'])"
        " / f'codexlab-{os.getuid()}' / 'ab'\n"
        "    left.mkdir(parents=True)\n",
    )
    assert done.returncode == 1
    assert "left behind: file" in done.stdout


_REMOVE = """
import os, sys
from pathlib import Path
from support.trees import remove_tree
tree = Path(sys.argv[1])
(tree / "closed" / "inner").mkdir(parents=True)
(tree / "closed" / "out").symlink_to("/")
os.chdir(tree / "closed/inner")
for _ in range(int(sys.argv[2])):
    os.mkdir("d")
    os.chdir("d")
os.chmod(".", 0)
(tree / "closed").chmod(0)
os.chdir("/")
remove_tree(tree)
try:
    remove_tree(tree)
except FileNotFoundError:
    print("gone")
"""


@pytest.mark.parametrize("depth", [1, 3_000])
def test_a_tree_without_rights_is_removed_and_the_place_it_was_in_keeps_its_own(
    as_nobody: Unprivileged, depth: int
) -> None:
    place = as_nobody.home
    mode = place.stat().st_mode
    argv: list[str | Path] = [sys.executable, "-c", _REMOVE, place / "tree", str(depth)]
    done = as_nobody.run(argv, environ={"PYTHONPATH": str(CHECKOUT / "tests")})
    assert done.stdout == "gone\n", done.stderr
    assert place.stat().st_mode == mode


def test_what_a_killed_pytest_left_is_removed_by_a_later_one_but_nothing_young_or_locked(
    scratch: Path,
) -> None:
    inner = scratch / "inner"
    killed = run_nested(scratch, "def test_killed():\n    os.kill(os.getpid(), 9)\n")
    assert killed.returncode == -9
    (left,) = inner.iterdir()
    locked, young = inner / "locked", inner / "young"
    locked.mkdir()
    young.mkdir()
    for path in (left, locked):
        os.utime(path, (0, 0))
    held = os.open(locked, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert run_nested(scratch, "def test_later():\n    pass\n").returncode == 0
    os.close(held)
    assert set(inner.iterdir()) == {locked, young}


def test_a_cgroup_left_behind_fails_its_test(scratch: Path) -> None:
    body = (
        "from support.processes.leaks import own_cgroup\n"
        "def test_leak():\n"
        "    group = own_cgroup()\n"
        "    assert group.name == f'pytest-codexlab-{os.getpid()}'\n"
        "    (group / 'codexlab-run').mkdir()\n"
    )
    done = run_nested(scratch, body)
    if "AssertionError" in done.stdout or "AttributeError" in done.stdout:
        pytest.skip("no cgroup may be made here")
    assert done.returncode == 1
    assert "cgroup codexlab-run" in done.stdout


def test_a_missing_codex_skips_by_itself_and_fails_under_ci(scratch: Path) -> None:
    body = (
        "import pytest\n"
        "@pytest.mark.parametrize('codex', ['0.0.1'], indirect=True)\n"
        "def test_needs_it(codex):\n    pass\n"
    )
    done = run_nested(scratch, body, CI="false")
    assert (done.returncode, "1 skipped" in done.stdout) == (0, True)
    (scratch / "nested" / "test_nested.py").unlink()
    (scratch / "nested" / "pytest.ini").unlink()
    (scratch / "nested").rename(scratch / "first")
    done = run_nested(scratch, body, CI="true")
    assert done.returncode == 1
    assert "scripts/install-agents" in done.stdout
