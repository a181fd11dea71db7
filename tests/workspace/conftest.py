"""A place for workspaces, and repositories made by git itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.git.http_remote import serve
from support.git.repositories import GIT_ENVIRON
from support.git.repositories import git as run_git

from codexlab.workspace.claim.claim import Claim, claim_workspace
from codexlab.workspace.paths import WorkspaceKey, WorkspacePaths, locate_workspace

KEY = WorkspaceKey("shop", "123", "codex")


def _git(where: Path, *arguments: str) -> str:
    return run_git(where, *arguments, environ=os.environ).strip()


@pytest.fixture
def git() -> Callable[..., str]:
    """Return a function that runs git in a directory and returns its output."""
    return _git


@pytest.fixture(autouse=True)
def _gitconfig(user_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let git, the product's too, know the configuration of the test's own home alone."""
    for name in GIT_ENVIRON:
        monkeypatch.delenv(name)
    (user_home / ".gitconfig").write_text(
        "[user]\n\tname = Tester\n\temail = tester@example.invalid\n"
        '[init]\n\tdefaultBranch = main\n[protocol "file"]\n\tallow = always\n'
    )


@pytest.fixture
def key() -> WorkspaceKey:
    return KEY


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "workspaces"


@pytest.fixture
def paths(root: Path) -> WorkspacePaths:
    return locate_workspace(root, KEY)


@pytest.fixture
def claim(paths: WorkspacePaths) -> Iterator[Claim]:
    held = claim_workspace(paths, KEY)
    yield held
    held.release()


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    home = tmp_path / "shared-home"
    home.mkdir(mode=0o700)
    (home / "auth.json").write_text('{"tokens": {}}')
    (home / "config.toml").write_text('# mine\nmodel = "stub-model"\n')
    return home


@pytest.fixture
def make_repo(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str = "repo", *, commits: int = 1) -> Path:
        repo = tmp_path / name
        repo.mkdir()
        _git(repo, "init", "--quiet")
        for number in range(commits):
            (repo / f"file{number}.txt").write_text(f"{number}\n")
            _git(repo, "add", ".")
            _git(repo, "commit", "--quiet", "-m", f"commit {number}")
        return repo

    return make


@pytest.fixture
def repo(make_repo: Callable[..., Path]) -> Path:
    return make_repo()


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, tuple[object, ...]]]:
    """Return a function that describes every byte, link, mode and time below a directory."""

    def describe(top: Path) -> dict[str, tuple[object, ...]]:
        found: dict[str, tuple[object, ...]] = {}
        for directory, _, files in os.walk(top):
            for name in (directory, *(f"{directory}/{file}" for file in files)):
                status = os.lstat(name)
                content = os.readlink(name) if os.path.islink(name) else None
                if content is None and os.path.isfile(name):
                    content = Path(name).read_bytes().hex()
                found[name] = (status.st_mode, status.st_ino, status.st_mtime_ns, content)
        return found

    return describe


@pytest.fixture
def origin(repo: Path, tmp_path: Path, git: Callable[..., str]) -> Path:
    """A bare clone that others fetch from."""
    git(tmp_path, "clone", "-q", "--bare", str(repo), "origin.git")
    return tmp_path / "origin.git"


@pytest.fixture
def served(origin: Path) -> Iterator[str]:
    """The URL, with its password, at which the origin is served on loopback."""
    with serve(origin) as url:
        yield url
