"""A sweep beside the agent: ours, not the run's; ended with the run, and never its ruin."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import random
import re
import shlex
import signal
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest
from support.lab import Lab, Running, wait_until_gone
from support.processes.killing import kill_at_once
from support.processes.leaks import Process, descendants
from support.rollout import files
from support.rollout.writers import logical
from support.users.unprivileged import Unprivileged, give

from codexlab.rollout import SweepOptions
from codexlab.rollout.maintenance.sweep import sweep
from codexlab.rollout.operations.handle import StoreHandle
from codexlab.rollout.store.scan import scan_store

OLD = 1_700_000_000
# Asked to end while its interpreter is ending, it dies by the request.
DONE = (0, -signal.SIGTERM)
# Tests cannot set a ctime an hour back; an age of none takes that rule away, too.
FLAGS = ("--issue", "1", "--no-repo", "--sweep-beside-agents", "--sweep-cold-age", "0s")


def data_of(number: int) -> bytes:
    thread = files.thread_id(number)
    return files.lines(files.meta(thread), files.message("user", f"thread {number} " * 50))


def make_cold(home: Path, count: int) -> list[Path]:
    paths = [files.rollout_path(home, files.thread_id(number)) for number in range(count)]
    for number, path in enumerate(paths):
        files.write(path, data_of(number))
        os.utime(path, (OLD, OLD))
    return paths


def compressed(path: Path) -> Path:
    return path.with_name(path.name + ".zst")


def until_exists(*paths: Path) -> list[str]:
    """The agent: works until these files exist."""
    tests = " && ".join(f"[ -e {shlex.quote(str(path))} ]" for path in paths)
    return ["sh", "-c", f"until {tests}; do sleep 0.05; done"]


@contextmanager
def held(path: Path) -> Generator[None]:
    """Hold a lock that every sweep needs, so that it is at work for as long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def coordination(home: Path) -> Path:
    return home / "thread-writer-locks" / ".coordination.lock"


def sweep_of(run: Running) -> Process:
    pid = int(str(run.wait_for_event("sweep.started")["pid"]))
    return next(process for process in descendants() if process.pid == pid)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.002)


def wait_until_locked_out(process: Process) -> None:
    """Wait until the sweep waits for the lock that the test holds."""
    wait_until(lambda: any(name.endswith(".coordination.lock") for name in opened_by(process)))


def is_pending(process: Process, signum: int) -> bool:
    """Tell whether a process was sent a signal that it has not been given yet."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    (mask,) = re.findall(r"^ShdPnd:\s*(\w+)$", status, re.MULTILINE)
    return bool(int(mask, 16) >> (signum - 1) & 1)


def opened_by(process: Process) -> list[str]:
    names: list[str] = []
    for entry in os.scandir(f"/proc/{process.pid}/fd"):
        with suppress(FileNotFoundError):
            names.append(os.readlink(entry.path))
    return names


def assert_nothing_lost(
    home: Path, paths: list[Path], others: Mapping[int, bytes] | None = None
) -> None:
    """Each thread has its lines still, in one form or the other.

    :param others: the bytes of those that have not `data_of` their number.
    """
    places = StoreHandle(home)
    assert len(scan_store(home).rollouts) == len(paths)
    for number, path in enumerate(paths):
        expected = (others or {}).get(number) or data_of(number)
        assert logical(places.rollout(str(path))) == expected


def test_cold_rollouts_become_small_while_the_agent_works(lab: Lab, shared_home: Path) -> None:
    paths = make_cold(shared_home, 3)
    done = lab.run(["--timeout", "60s", *FLAGS], until_exists(*map(compressed, paths)))
    assert done.returncode == 0, done.stderr
    (record,) = lab.records
    sweep = cast("dict[str, Any]", record["sweep"])
    assert sweep["exit_status"] in DONE
    assert sweep["summary"]["compressed"] == 3
    assert record["warnings"] == []
    contained = cast("dict[str, Any]", record["contained"])
    assert (contained["proven"], contained["swept"], contained["left"]) == (True, 0, 0)
    assert_nothing_lost(shared_home, paths)
    events = (lab.run_directory(record) / "events.ndjson").read_text().splitlines()
    names = [json.loads(line)["event"] for line in events]
    order = ["child.spawned", "sweep.started", "contained", "sweep.finished", "run.finished"]
    assert [name for name in names if name in order] == order


def test_a_store_that_was_swept_just_now_is_not_looked_through_again(
    lab: Lab, shared_home: Path
) -> None:
    (path,) = make_cold(shared_home, 1)
    places = StoreHandle(shared_home)
    list(sweep(places, SweepOptions(cold_age=3600.0, grace=0.0)))
    answered = f"grep -qrs --include=sweep.log summary {shlex.quote(str(lab.workspaces_root))}"
    agent = ["sh", "-c", f"until {answered}; do sleep 0.05; done"]
    done = lab.run(["--timeout", "60s", *FLAGS, "--sweep-cold-age", "1h"], agent)
    assert done.returncode == 0, done.stderr
    (record,) = lab.records
    swept = cast("dict[str, Any]", record["sweep"])
    assert swept["exit_status"] in DONE
    assert swept["summary"]["reason"].startswith("swept ")
    assert path.exists()
    assert record["warnings"] == []


def test_without_the_setting_nothing_is_started(lab: Lab, shared_home: Path) -> None:
    (path,) = make_cold(shared_home, 1)
    assert lab.run(["--issue", "1", "--no-repo"], ["true"]).returncode == 0
    (record,) = lab.records
    assert "sweep" not in record
    assert not (lab.run_directory(record) / "sweep.log").exists()
    assert path.exists()


def test_the_sweep_is_ours_and_not_the_agents(lab: Lab, shared_home: Path) -> None:
    make_cold(shared_home, 1)
    with held(coordination(shared_home)), lab.started(FLAGS, ["sleep", "60"]) as run:
        process = sweep_of(run)
        wait_until_locked_out(process)
        agent = int(str(run.wait_for_event("child.spawned")["pid"]))
        assert os.getpgid(process.pid) == os.getsid(process.pid) == process.pid
        nice = [os.getpriority(os.PRIO_PROCESS, pid) for pid in (process.pid, run.guardian)]
        assert nice[0] == min(19, nice[1] + 10)
        groups = [Path(f"/proc/{pid}/cgroup").read_text() for pid in (process.pid, run.guardian)]
        assert groups[0] == groups[1]
        if "codexlab-" in Path(f"/proc/{agent}/cgroup").read_text():
            assert groups[0] != Path(f"/proc/{agent}/cgroup").read_text()
        environ = Path(f"/proc/{process.pid}/environ").read_bytes()
        assert b"CODEXLAB_RUN_ID" not in environ
        assert b"STUB_KEY" not in environ
        run.signal(signal.SIGTERM)
        assert run.finish()[0] == 128 + signal.SIGTERM


def test_one_that_cannot_end_in_time_is_killed_and_nothing_is_lost(
    lab: Lab, shared_home: Path
) -> None:
    paths = make_cold(shared_home, 2)
    with held(coordination(shared_home)), lab.started(FLAGS, ["sleep", "60"]) as run:
        process = sweep_of(run)
        wait_until_locked_out(process)
        run.signal(signal.SIGTERM)
        run.finish()
        assert process not in descendants()
    (record,) = lab.records
    sweep = cast("dict[str, Any]", record["sweep"])
    assert (sweep["ended_by"], sweep["exit_status"]) == ("kill", -signal.SIGKILL)
    assert cast("dict[str, Any]", record["contained"])["proven"] is True
    assert_nothing_lost(shared_home, paths)


def test_the_runs_end_stops_it_at_a_file_boundary(
    lab: Lab, scratch: Path, shared_home: Path
) -> None:
    # A sweep encodes 128 files while it publishes 128 others, and these are more than that. The
    # first one takes long enough to be seen in the making.
    paths = make_cold(shared_home, 400)
    noise = base64.b64encode(random.Random(1).randbytes(6 << 20)).decode()
    first = files.lines(files.meta(files.thread_id(0)), files.message("user", noise))
    files.write(paths[0], first)
    os.utime(paths[0], (OLD, OLD))
    enough = scratch / "enough"
    with lab.started(FLAGS, until_exists(enough)) as run:
        process = sweep_of(run)
        wait_until(lambda: any(shared_home.rglob("rollout-*.tmp")))
        with held(coordination(shared_home)):
            assert not any(shared_home.rglob("*.zst"))
            # While it is stopped, the kernel shows that it was asked.
            os.kill(process.pid, signal.SIGSTOP)
            enough.touch()
            wait_until(lambda: is_pending(process, signal.SIGTERM))
        os.kill(process.pid, signal.SIGCONT)
        status, _, _ = run.finish()
    assert status == 0
    (record,) = lab.records
    sweep = cast("dict[str, Any]", record["sweep"])
    assert sweep["exit_status"] in DONE
    assert sweep["ended_by"] == "request"
    frames = [*shared_home.rglob("*.zst")]
    assert 0 < len(frames) == sweep["summary"]["compressed"] < len(paths)
    assert_nothing_lost(shared_home, paths, {0: first})
    assert not list(shared_home.rglob("rollout-*.tmp"))


@pytest.mark.parametrize("victims", [["guardian"], ["supervisor"], ["guardian", "supervisor"]])
def test_it_dies_with_whoever_started_it(lab: Lab, shared_home: Path, victims: list[str]) -> None:
    paths = make_cold(shared_home, 2)
    before = descendants()
    with held(coordination(shared_home)), lab.started(FLAGS, ["sleep", "60"]) as run:
        process = sweep_of(run)
        wait_until_locked_out(process)
        agent = int(str(run.wait_for_event("child.spawned")["pid"]))
        children = Path(f"/proc/{run.guardian}/task/{run.guardian}/children").read_text().split()
        (supervisor,) = {int(pid) for pid in children} - {agent, process.pid}
        pids = {"guardian": run.guardian, "supervisor": supervisor}
        kill_at_once(*(pids[victim] for victim in victims))
        run.process.wait(30)
        assert wait_until_gone(descendants() - before) == set()
    assert_nothing_lost(shared_home, paths)
    # Where both died, it is the next launch that tidies up.
    assert lab.run(["--issue", "1", "--no-repo"], ["true"]).returncode == 0
    if victims == ["supervisor"]:
        contained = cast("dict[str, Any]", lab.records[0]["contained"])
        assert (contained["left"], contained["proven"]) == (0, True)


def test_it_stands_aside_for_another_sweep_without_a_warning(lab: Lab, shared_home: Path) -> None:
    make_cold(shared_home, 1)
    with (
        held(shared_home / ".tmp" / "rollout-maintenance.lock"),
        lab.started(FLAGS, ["sleep", "60"]) as run,
    ):
        wait_until_gone({sweep_of(run)})
        run.signal(signal.SIGTERM)
        run.finish()
    (record,) = lab.records
    assert cast("dict[str, Any]", record["sweep"])["exit_status"] == 75
    assert record["warnings"] == []


def test_what_goes_wrong_with_it_is_a_warning(lab: Lab, shared_home: Path) -> None:
    make_cold(shared_home, 1)
    (shared_home / ".tmp").write_text("in the way")
    with lab.started(FLAGS, ["sleep", "60"]) as run:
        wait_until_gone({sweep_of(run)})
        run.signal(signal.SIGUSR1)
        status, _, said = run.finish()
    assert status == 128 + signal.SIGUSR1
    (record,) = lab.records
    (warning,) = cast("list[str]", record["warnings"])
    assert "the sweep beside the agent ended with 125" in warning
    assert warning in said


def test_a_directory_that_it_cannot_read_is_a_warning_and_the_run_succeeds(
    lab: Lab, scratch: Path, shared_home: Path
) -> None:
    (path,) = make_cold(shared_home, 1)
    archived = shared_home / "archived_sessions"
    archived.symlink_to(archived.name)
    enough = scratch / "enough"
    with lab.started(FLAGS, until_exists(enough)) as run:
        wait_until_gone({sweep_of(run)})
        enough.touch()
        status, _, said = run.finish()
    assert status == 0
    assert compressed(path).exists()
    (record,) = lab.records
    (warning,) = cast("list[str]", record["warnings"])
    assert f"ended with 125: codexlab: left out {archived}: " in warning
    assert warning in said


def test_a_rollout_that_the_agent_holds_open_is_left_alone(lab: Lab, shared_home: Path) -> None:
    own, neighbour = make_cold(shared_home, 2)
    quoted = shlex.quote(str(own))
    script = f"exec 3>>{quoted}; {until_exists(compressed(neighbour))[2]}; echo late >&3"
    done = lab.run(["--timeout", "60s", *FLAGS], ["sh", "-c", script])
    assert done.returncode == 0, done.stderr
    assert own.read_bytes() == data_of(0) + b"late\n"
    assert not compressed(own).exists()


def test_an_ordinary_users_rollouts_are_swept_too(lab: Lab, as_nobody: Unprivileged) -> None:
    home, root = as_nobody.home / ".codex", as_nobody.home / "ws"
    (path,) = make_cold(home, 1)
    for place in (path, *path.parents):
        if place.is_relative_to(home):
            give(place)
    environ = {
        **as_nobody.places(),
        "CODEX_HOME": str(home),
        "CODEXLAB_WORKSPACES_ROOT": str(root),
    }
    argv = lab.argv(["--timeout", "60s", *FLAGS], until_exists(compressed(path)))
    done = as_nobody.run(argv, environ=environ, timeout=90)
    assert (done.returncode, done.stderr) == (0, "")
    (record,) = root.glob("*/*/*/.codexlab/runs/*/record.json")
    content = json.loads(record.read_bytes())
    assert content["sweep"]["summary"]["compressed"] == 1
    assert (content["contained"]["proven"], content["contained"]["left"]) == (True, 0)
