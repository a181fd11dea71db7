"""Fixtures for any test: places of its own, a model, a codex, and a leak check.

Every test, whether it asks or not, gets its own HOME, XDG and temporary
directories, and fails when it leaves a process, a cgroup or a runtime file
behind. A process that several tests share belongs in a fixture of wider scope:
those are set up before the check looks.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings
from support.agents.claude import Claude, find_claude, offline_environ
from support.agents.codex import CURRENT, STUB_KEY, Codex, find_codex, write_codex_config
from support.developer import changes, developers_own
from support.git.repositories import GIT_ENVIRON, make_repository
from support.lab import Lab
from support.model.server import ModelFactory, ModelServer, Script
from support.places import FOREIGN, private_places
from support.processes.leaks import (
    Warden,
    descendants,
    end_processes,
    leaked_files,
    leaked_processes,
)
from support.scratches import own_scratch, remove_abandoned
from support.users.unprivileged import Unprivileged, give, why_not

_WARDEN = pytest.StashKey[Warden]()
_OWN = pytest.StashKey[dict[str, int]]()
_TOUCHED = pytest.StashKey[list[str]]()
_NOWHERE = "http://127.0.0.1:9/v1"


def pytest_configure(config: pytest.Config) -> None:
    """Become the process that sees every leak of this worker's tests; give examples time."""
    warden = config.stash[_WARDEN] = Warden()
    warden.enter()
    # Ordinary users, whom tests start as well, read what tests make.
    os.umask(0o022)
    # Two slow cores say nothing about an example; under CI hypothesis knows it already.
    if "CI" not in os.environ:
        settings.register_profile(
            "unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow]
        )
        settings.load_profile("unhurried")
    _heed_signals()
    config.stash[_OWN] = developers_own()
    if not hasattr(config, "workerinput"):  # under xdist once suffices
        remove_abandoned(_scratch_base())


def _heed_signals() -> None:
    """Give the tests' children the signals a terminal gives, also below nohup or ``&``.

    A shell starts what it puts in the background with INT ignored, and that is inherited.
    """
    for signum in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(signum) is signal.SIG_IGN:
            interrupt = signum is signal.SIGINT
            signal.signal(signum, signal.default_int_handler if interrupt else signal.SIG_DFL)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the whole run if anything of the developer's own changed meanwhile."""
    if hasattr(session.config, "workerinput"):
        return  # under xdist one look suffices
    touched = session.config.stash[_TOUCHED] = changes(session.config.stash[_OWN])
    if touched:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Name what of the developer's own changed."""
    touched = config.stash.get(_TOUCHED, None)
    if touched:
        shown = ", ".join(touched[:5])
        terminalreporter.write_line(
            f"ERROR: what is the developer's own changed during the tests: {shown}", red=True
        )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give back what :func:`pytest_configure` took."""
    if _WARDEN in config.stash:
        config.stash[_WARDEN].leave()
    if not hasattr(config, "workerinput"):  # the last to go, also under xdist
        with contextlib.suppress(OSError):
            _scratch_base().rmdir()


@pytest.fixture(autouse=True)
def leak_check(request: pytest.FixtureRequest, scratch: Path) -> Iterator[None]:
    """Fail the test if it leaves a process, a cgroup or a runtime file behind."""
    warden = request.config.stash[_WARDEN]
    before = descendants()
    yield
    leaked = leaked_processes(before)
    end_processes(set(leaked))
    complaints = [f"process {process.pid}: {command}" for process, command in leaked.items()]
    complaints += [f"cgroup {name}" for name in warden.leaked_cgroups()]
    files = leaked_files(scratch / "run", scratch / "tmp")
    complaints += [f"file {path}" for path in files]
    if complaints:
        pytest.fail("left behind: " + "; ".join(complaints), pytrace=False)


@pytest.fixture(autouse=True)
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory of the test's own, on a real filesystem and with a short path.

    It lies outside every checkout, and not below TMPDIR, where codex cannot set up
    its sandbox. The test process itself is pointed at it: HOME, XDG, TMPDIR, and
    no name of any agent.
    """
    with own_scratch(_scratch_base()) as path:
        for name in ("home", "run", "tmp"):
            (path / name).mkdir(mode=0o700)
        for name in [name for name in os.environ if name.startswith((*FOREIGN, "STUB_KEY"))]:
            monkeypatch.delenv(name)
        for name, value in _private_places(path).items():
            monkeypatch.setenv(name, value)
        yield path


def _scratch_base() -> Path:
    return Path(os.environ.get("CODEXLAB_TEST_SCRATCH") or f"/var/tmp/codexlab-tests-{os.getuid()}")


def _private_places(scratch: Path) -> dict[str, str]:
    own = private_places(scratch / "home", runtime=scratch / "run", temporary=scratch / "tmp")
    return {**own, **GIT_ENVIRON}


@pytest.fixture
def user_home(scratch: Path) -> Path:
    """A HOME that is nobody's."""
    return scratch / "home"


@pytest.fixture
def shared_home(user_home: Path) -> Path:
    """The user's ``~/.codex`` with an offline configuration; :func:`model` points it right."""
    home = user_home / ".codex"
    write_codex_config(home, _NOWHERE)
    return home


@pytest.fixture
def workspaces_root(scratch: Path) -> Path:
    """A fresh place for codexlab's workspaces; it does not exist yet."""
    return scratch / "ws"


@pytest.fixture
def clean_environ(scratch: Path, shared_home: Path, workspaces_root: Path) -> dict[str, str]:
    """The whole environment for a subprocess: nothing of the developer's is in it."""
    tools = [os.path.dirname(sys.executable), *_directories_of("git", "node", "setpriv")]
    return {
        "PATH": ":".join(dict.fromkeys([*tools, "/usr/local/bin", "/usr/bin", "/bin"])),
        "LANG": "C.UTF-8",
        "CODEX_HOME": str(shared_home),
        "CODEXLAB_WORKSPACES_ROOT": str(workspaces_root),
        "STUB_KEY": STUB_KEY,
        **_private_places(scratch),
    }


def _directories_of(*names: str) -> list[str]:
    found = [shutil.which(name) for name in names]
    return [os.path.dirname(path) for path in found if path]


@pytest.fixture
def model(shared_home: Path) -> Iterator[ModelFactory]:
    """Start a scripted model and point the shared home at it; it ends with the test."""
    with contextlib.ExitStack() as stack:

        def start(script: Script) -> ModelServer:
            server = stack.enter_context(ModelServer(script))
            write_codex_config(shared_home, server.url)
            return server

        yield start


@pytest.fixture
def codex(request: pytest.FixtureRequest) -> Codex:
    """A real codex: 0.171.0, or the version given by ``support.marks.both_codex``.

    Where it is not installed the test is skipped with the reason; under CI it fails.
    """
    version = str(getattr(request, "param", CURRENT))
    found = find_codex(version)
    if found is None:
        unavailable(f"codex {version} is not installed: run scripts/install-agents")
    return found


@pytest.fixture
def claude(scratch: Path) -> Iterator[Claude]:
    """A real Claude Code 2.1.332; skipped or failed without it, as :func:`codex` is."""
    found = find_claude()
    if found is None:
        unavailable("claude 2.1.332 is not installed: run scripts/install-agents")
    yield found
    with contextlib.suppress(FileNotFoundError):
        (scratch / "run" / "cc-socks").rmdir()  # claude keeps this directory, empty, for good


@pytest.fixture
def sockets_of_the_killed(scratch: Path, claude: Claude) -> Iterator[None]:
    """Let a test kill a claude: the socket that it cannot remove itself is removed at the end."""
    del claude  # its directory of sockets is removed after this
    yield
    for left in scratch.glob("run/cc-socks/*"):
        left.unlink()


@pytest.fixture
def claude_model(clean_environ: dict[str, str]) -> Iterator[ModelFactory]:
    """Start a scripted model and point claude at it by the environment; it ends with the test."""
    with contextlib.ExitStack() as stack:

        def start(script: Script) -> ModelServer:
            server = stack.enter_context(ModelServer(script))
            clean_environ.update(offline_environ(server))
            return server

        yield start


@pytest.fixture
def lab(source_repo: Path, clean_environ: dict[str, str], workspaces_root: Path) -> Lab:
    """A caller of the installed ``codexlab-run`` who stands in the sample repository."""
    program = Path(sys.executable).with_name("codexlab-run")
    if not program.exists():
        pytest.fail(f"codexlab is not installed beside {sys.executable}")
    return Lab(program, clean_environ, source_repo, workspaces_root)


def unavailable(reason: str) -> NoReturn:
    """Skip the test, or fail it where everything must be there (``CI=true``)."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def source_repo(scratch: Path) -> Path:
    """A main checkout with one commit and no remote."""
    return make_repository(scratch / "sample")


@pytest.fixture
def bound_by_modes() -> None:
    """Skip the test, as :func:`codex` does, where root cannot give up its power over files."""
    if reason := why_not():
        unavailable(reason)


@pytest.fixture
def as_nobody(scratch: Path, clean_environ: dict[str, str]) -> Unprivileged:
    """Run programs as an unprivileged user whose home is in the test's scratch."""
    if reason := why_not():
        unavailable(reason)
    for path in (scratch, scratch / "run", scratch / "tmp"):
        give(path)
    home = scratch / "nobody"
    home.mkdir(mode=0o700)
    places = {name: value for name, value in clean_environ.items() if name != "CODEX_HOME"}
    return Unprivileged(give(home), places)
