"""A first fetch that fails leaves no cache, and takes none from a launch that waits for it."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from support.git.http_remote import serve
from support.git.repositories import git
from support.git.waiting import open_files, silent_server
from support.lab import Lab, Running


@pytest.fixture
def caches(lab: Lab) -> Path:
    return Path(lab.environ["XDG_CACHE_HOME"], "codexlab", "git")


@pytest.fixture
def origin(source_repo: Path, scratch: Path) -> Path:
    bare = scratch / "served" / "shop.git"
    git(source_repo, "clone", "-q", "--bare", str(source_repo), str(bare))
    return bare


def test_an_url_that_is_not_there_is_named_and_leaves_no_cache(
    lab: Lab, scratch: Path, caches: Path
) -> None:
    url = f"file://{scratch}/nowhere.git"
    done = lab.run(["--issue", "1", "--repo", url], ["true"])
    assert done.returncode == 125
    assert done.stderr.startswith(f"codexlab-run: --repo {url}: git fetch: fatal: ")
    assert done.stderr.count("\n") == 1
    assert list(caches.iterdir()) == []


def test_the_url_works_once_it_is_there(lab: Lab, scratch: Path, origin: Path) -> None:
    place = scratch / "later.git"
    flags = ["--issue", "1", "--repo", f"file://{place}"]
    assert lab.run(flags, ["true"]).returncode == 125
    origin.rename(place)
    done = lab.run(flags, ["git", "rev-parse", "HEAD"])
    assert (done.returncode, done.stdout) == (0, git(place, "rev-parse", "HEAD") + "\n")


def test_a_later_fetch_that_fails_keeps_the_cache(
    lab: Lab, scratch: Path, origin: Path, caches: Path
) -> None:
    url = f"file://{origin}"
    assert lab.run(["--issue", "1", "--repo", url], ["true"]).returncode == 0
    (cache,) = caches.iterdir()
    inode = cache.stat().st_ino
    origin.rename(scratch / "away.git")
    done = lab.run(["--issue", "2", "--repo", url], ["true"])
    assert done.returncode == 0
    assert "using what is cached" in done.stderr
    assert cache.stat().st_ino == inode


def test_a_launch_that_is_ended_while_it_fetches_leaves_no_cache(lab: Lab, caches: Path) -> None:
    with silent_server() as (port, server):
        flags = ["--issue", "1", "--repo", f"http://127.0.0.1:{port}/shop.git"]
        with lab.started(flags, ["true"]) as run:
            connection, _ = server.accept()
            assert list(caches.iterdir())
            run.signal(signal.SIGTERM)
            status, _, _ = run.finish()
            connection.close()
    assert status == 143
    assert list(caches.iterdir()) == []


def test_a_launch_that_waits_for_a_failing_one_fetches_itself(
    lab: Lab, origin: Path, caches: Path
) -> None:
    with serve(origin) as served, silent_server() as (port, server):
        url = re.sub(r":\d+/", f":{port}/", served)
        with lab.started(["--issue", "1", "--repo", url], ["true"]) as failing:
            connection, _ = server.accept()
            with lab.started(["--issue", "2", "--repo", url], ["true"]) as waiting:
                wait_for_lock(waiting)
                connection.close()
                assert failing.finish()[0] == 125
                with forwarding(server, int(served.rpartition(":")[2].split("/")[0])):
                    status, _, stderr = waiting.finish()
    assert (status, stderr.count("\n")) == (0, 1), stderr
    (cache,) = caches.iterdir()
    assert (cache / "codexlab-ready").exists()


def wait_for_lock(run: Running) -> None:
    """Wait until a launch has opened the lock of a repository."""
    run.wait_for_event("run.planned")
    deadline = time.monotonic() + 30
    while not any(re.search(r"/repositories/.*\.lock$", each) for each in open_files(run.guardian)):
        assert time.monotonic() < deadline


@contextlib.contextmanager
def forwarding(server: socket.socket, port: int) -> Generator[None]:
    """Join each connection to another server's."""
    workers: list[threading.Thread] = []
    with contextlib.ExitStack() as sockets:

        def start(work: Callable[..., None], *arguments: socket.socket) -> None:
            workers.append(threading.Thread(target=work, args=arguments))
            workers[-1].start()

        def forward() -> None:
            with contextlib.suppress(OSError):
                while True:
                    near = sockets.enter_context(server.accept()[0])
                    far = sockets.enter_context(socket.create_connection(("127.0.0.1", port)))
                    start(pump, near, far)
                    start(pump, far, near)

        start(forward)
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for worker in workers:
                worker.join(30)


def pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
