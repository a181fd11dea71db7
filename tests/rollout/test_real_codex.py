"""Our leases and frames, judged by real codex: 0.171 with locks, 0.135 without."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from support.agents.codex import Codex
from support.commands import run_to_end
from support.marks import both_codex
from support.model.server import Gate, ModelFactory, ModelServer, by_prompt, hold, say
from support.rollout.transcripts import rollout_of, said
from support.rollout.writers import come_to_rest, left_over, logical

from codexlab.rollout import Outcome, ThreadBusyError
from codexlab.rollout.compression.compress import compress
from codexlab.rollout.operations.handle import StoreHandle
from codexlab.rollout.reconcile.materialize import materialize
from codexlab.rollout.reconcile.retired import SettleOptions, settle
from codexlab.rollout.store.rollout_ref import RolloutRef

NOW = SettleOptions(grace=0, rest=0)
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def server(model: ModelFactory, gate: Gate) -> ModelServer:
    return model(
        by_prompt(
            {
                "first": [say("the first answer")],
                "second": [say("the second answer")],
                "wait": [hold(gate, say("the late answer"))],
            }
        )
    )


@pytest.fixture
def run(codex: Codex, clean_environ: dict[str, str], tmp_path: Path, server: ModelServer) -> Run:
    def run(*words: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
        places = {"CODEX_HOME": str(home)} if home else {}
        return run_to_end([codex.native, *words], clean_environ | places, tmp_path)

    return run


@contextlib.contextmanager
def running(codex: Codex, environ: dict[str, str], cwd: Path, *words: str) -> Generator[int]:
    """Codex in the middle of a turn; it is waited for at the end."""
    with subprocess.Popen(
        [codex.native, *words],
        env=environ,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as child:
        try:
            yield child.pid
        finally:
            child.wait(timeout=60)


def exec_words(*more: str) -> list[str]:
    return ["exec", "--skip-git-repo-check", "--json", *more]


def begin_thread(run: Run) -> str:
    done = run(*exec_words("first"))
    started = [json.loads(line) for line in done.stdout.splitlines() if "thread.started" in line]
    assert done.returncode == 0, done.stderr
    return str(started[0]["thread_id"])


class Thread:
    """One thread that real codex began, and its rollout."""

    def __init__(self, run: Run, home: Path) -> None:
        self.id = begin_thread(run)
        self.places: StoreHandle = StoreHandle(home)
        self.path = rollout_of(home, self.id)
        self.rollout: RolloutRef = self.places.rollout(str(self.path))
        self.bytes = self.path.read_bytes()

    def compress(self) -> Outcome:
        while True:  # what changed within the kernel's last tick is refused
            result = next(compress(self.places, [self.rollout]))
            if "just now" not in result.reason:
                return result.outcome


@pytest.fixture
def thread(run: Run, shared_home: Path) -> Thread:
    return Thread(run, shared_home)


def test_codex_refuses_a_thread_whose_lease_is_ours(run: Run, thread: Thread) -> None:
    with thread.places.locks.lease(thread.id):
        refused = run(*exec_words("resume", thread.id, "second"))
        assert refused.returncode != 0
        assert "already has an active writer" in refused.stdout + refused.stderr
    assert run(*exec_words("resume", thread.id, "second")).returncode == 0


def test_codex_waits_for_our_coordination_and_then_goes_on(
    codex: Codex, clean_environ: dict[str, str], tmp_path: Path, thread: Thread, server: ModelServer
) -> None:
    with contextlib.ExitStack() as stack:
        with thread.places.locks.coordination():
            words = exec_words("resume", thread.id, "second")
            stack.enter_context(running(codex, clean_environ, tmp_path, *words))
            with pytest.raises(TimeoutError):
                server.wait_for_requests(2, timeout=1.0)
        server.wait_for_requests(2)
    assert said(thread.path, "assistant") == ["the first answer", "the second answer"]


def test_while_codex_writes_we_are_refused_and_told_that_it_is_codex(
    codex: Codex,
    clean_environ: dict[str, str],
    tmp_path: Path,
    thread: Thread,
    server: ModelServer,
    gate: Gate,
) -> None:
    words = exec_words("resume", thread.id, "wait")
    with running(codex, clean_environ, tmp_path, *words) as pid:
        server.wait_for_requests(2)
        with pytest.raises(ThreadBusyError) as refused:
            thread.places.locks.lease(thread.id)
        assert [holder.pid for holder in refused.value.holders] == [pid]
        assert thread.compress() is Outcome.BUSY
        gate.open()
    assert thread.compress() is Outcome.COMPRESSED


@both_codex
def test_a_loaded_thread_is_busy_by_the_kernel_alone(
    codex: Codex,
    clean_environ: dict[str, str],
    tmp_path: Path,
    thread: Thread,
    server: ModelServer,
    gate: Gate,
    shared_home: Path,
) -> None:
    """Neither old codex nor one of a home with locks of its own meets our locks."""
    unlinked = tmp_path / "unlinked"
    unlinked.mkdir()
    (unlinked / "config.toml").symlink_to(shared_home / "config.toml")
    (unlinked / "sessions").symlink_to(shared_home / "sessions")
    environ = clean_environ | {"CODEX_HOME": str(unlinked)}
    with running(codex, environ, tmp_path, *exec_words("resume", thread.id, "wait")):
        server.wait_for_requests(2)
        assert thread.compress() is Outcome.BUSY
        gate.open()
    assert said(thread.path, "assistant") == ["the first answer", "the late answer"]


def test_an_idle_loaded_thread_is_left_alone_and_its_neighbour_is_compressed(
    codex: Codex,
    clean_environ: dict[str, str],
    tmp_path: Path,
    run: Run,
    thread: Thread,
    server: ModelServer,
    gate: Gate,
    shared_home: Path,
) -> None:
    """However old its mtime says it is: eight days here."""
    neighbour = Thread(run, shared_home)
    with running(codex, clean_environ, tmp_path, *exec_words("resume", thread.id, "wait")):
        server.wait_for_requests(3)
        old = time.time() - 8 * 86400
        for path in (thread.path, neighbour.path):
            os.utime(path, (old, old))
        assert thread.compress() is Outcome.BUSY
        assert neighbour.compress() is Outcome.COMPRESSED
        gate.open()
    assert said(thread.path, "assistant") == ["the first answer", "the late answer"]


def test_codex_resumes_what_we_compressed_and_every_line_is_there(run: Run, thread: Thread) -> None:
    assert thread.compress() is Outcome.COMPRESSED
    assert not thread.path.exists()
    resumed = run(*exec_words("resume", thread.id, "second"))
    assert resumed.returncode == 0, resumed.stderr
    assert thread.path.read_bytes().startswith(thread.bytes)
    assert said(thread.path, "assistant") == ["the first answer", "the second answer"]
    come_to_rest(thread.places)
    assert left_over(thread.places) == []


def test_codex_resumes_while_a_plain_file_of_the_same_thread_is_kept(
    run: Run, thread: Thread
) -> None:
    """The kept file lies where no look-up of codex finds it."""
    assert thread.compress() is Outcome.COMPRESSED
    kept = next(path for path in Path(thread.places.kept).iterdir() if path.suffix == ".0")
    before = kept.read_bytes()
    assert run(*exec_words("resume", thread.id, "second")).returncode == 0
    assert kept.read_bytes() == before == thread.bytes


@pytest.mark.parametrize("codex", ["0.135.0"], indirect=True)
def test_old_codex_resumes_what_we_restored(run: Run, thread: Thread) -> None:
    assert thread.compress() is Outcome.COMPRESSED
    assert run(*exec_words("resume", thread.id, "second")).returncode != 0
    with thread.places.locks.lease(thread.id) as lease:
        assert materialize(thread.places, thread.rollout, lease)
    assert thread.path.read_bytes() == thread.bytes
    assert run(*exec_words("resume", thread.id, "second")).returncode == 0
    assert said(thread.path, "assistant") == ["the first answer", "the second answer"]


def test_a_thread_that_codex_deletes_before_we_settle_stays_deleted(
    run: Run, thread: Thread
) -> None:
    assert thread.compress() is Outcome.COMPRESSED
    deleted = run("delete", "--force", thread.id)
    assert deleted.returncode == 0, deleted.stderr
    assert not Path(thread.rollout.compressed_path).exists()
    assert [result.outcome for result in settle(thread.places, NOW)] == [Outcome.DELETED]
    assert not thread.path.exists()
    assert not Path(thread.rollout.compressed_path).exists()


def test_a_thread_that_codex_archives_before_we_settle_is_settled_where_it_is(
    run: Run, thread: Thread
) -> None:
    assert thread.compress() is Outcome.COMPRESSED
    archived = run("archive", thread.id)
    assert archived.returncode == 0, archived.stderr
    assert [result.outcome for result in settle(thread.places, NOW)] == [Outcome.SETTLED]
    assert left_over(thread.places) == []
    found = thread.places.other_place(thread.rollout)
    assert found is not None
    assert logical(found) == thread.bytes
    assert run("unarchive", thread.id).returncode == 0
    assert logical(thread.rollout) == thread.bytes
