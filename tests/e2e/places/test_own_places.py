"""The demo, the example and the benchmarks leave the places of whoever starts them alone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.agents.codex import CHECKOUT
from support.commands import run_to_end
from support.lab import Lab

BENCHMARKS = {
    "embedding": ["--only", "launch", "--pairs", "1"],
    "supervision": ["--only", "launch", "--pairs", "1"],
    "workspace": ["--files", "20", "--workspaces", "5", "--rounds", "1", "--history", "3"],
    "rollout_read": ["--rollouts", "40", "--list-only"],
    "rollout_compress": ["--small", "5", "--megabytes", "4", "--rounds", "1"],
}


@pytest.fixture
def watched(scratch: Path) -> Path:
    """Where the caller's home and temporary directory are, and what is in them."""
    (scratch / "home" / ".codex").mkdir()
    (scratch / "home" / "codexlab").mkdir()
    (scratch / "home" / ".codex" / "config.toml").write_text('model = "mine"\n')
    return scratch


def seen(scratch: Path) -> dict[str, tuple[int, int]]:
    """Describe everything in the caller's places: what is written to changes it."""
    places = [scratch / name for name in ("home", "tmp", "run")]
    paths = [path for place in places for path in (place, *place.rglob("*"))]
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in paths}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_lives_in_a_place_of_its_own(watched: Path, name: str) -> None:
    if name == "rollout_compress" and shutil.which("zstd") is None:
        pytest.skip("zstd is not installed: that benchmark has nothing to compare with")
    where = watched / "bench"
    where.mkdir()
    before = seen(watched)
    command = [sys.executable, str(CHECKOUT / "benchmarks" / f"{name}.py"), *BENCHMARKS[name]]
    done = subprocess.run(
        [*command, "--scratch", where], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode in {0, 1}, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout
    assert seen(watched) == before
    assert list(where.iterdir()) == []


def test_a_benchmark_that_is_ended_leaves_nothing_either(watched: Path) -> None:
    before = seen(watched)
    where = watched / "bench"
    where.mkdir()
    program = [
        "import os, sys, time",
        "sys.path.insert(0, sys.argv[1])",
        "from pathlib import Path",
        "from own_places import own_places",
        "with own_places(Path(sys.argv[2])) as scratch:",
        "    Path(os.environ['HOME'], 'x').touch()",
        "    print(os.environ['TMPDIR'], flush=True)",
        "    time.sleep(60)",
    ]
    argv = [sys.executable, "-c", "\n".join(program), str(CHECKOUT / "benchmarks"), str(where)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(str(where))
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert list(where.iterdir()) == []
    assert seen(watched) == before


def test_the_demo_lives_in_its_own_directory(watched: Path, lab: Lab) -> None:
    before = seen(watched)
    done = run_to_end(
        [sys.executable, CHECKOUT / "scripts" / "demo.py", "--example"],
        {**os.environ, "CODEXLAB_DEMO_DIRECTORY": str(watched / "demo")},
    )
    assert done.returncode == 0, done.stderr
    assert seen(watched) == before


def test_the_example_daemon_writes_where_its_environment_says(scratch: Path) -> None:
    places = {"CODEXLAB_WORKSPACES_ROOT": scratch / "ws", "CODEX_HOME": scratch / "codex"}
    task = {"issue": "1", "command": ["true"]}
    done = subprocess.run(
        [sys.executable, CHECKOUT / "examples" / "daemon.py"],
        env={**os.environ, **{name: str(path) for name, path in places.items()}},
        input=json.dumps(task) + "\n",
        cwd=scratch,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert json.loads(done.stdout)["status"] == 0, done.stderr
    kept = {path.name for path in (scratch / "home").iterdir()}
    # Its state is its user's own: it is their daemon.
    assert kept <= {".local", ".cache"}
