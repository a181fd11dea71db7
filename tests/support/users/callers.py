"""Callers of codexlab, as root and as an ordinary user, and each kind of place they work in."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.commands import run_to_end

from ..git.repositories import git
from ..lab import Lab
from .unprivileged import Unprivileged, give

CANARIES = {
    "AWS_SECRET_ACCESS_KEY": "canary-aws-0123456789",
    "GH_TOKEN": "canary-gh-0123456789",
    "OPENAI_API_KEY": "canary-openai-0123456789",
    "DATABASE_URL": "postgres://me:canary-db-0123456789@localhost/x",
}
KINDS = ("worktree", "plain", "linked", "given")


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who calls codexlab, as root or as an ordinary user."""

    lab: Lab
    run: Callable[..., subprocess.CompletedProcess[str]]
    home: Path

    def codexlab(self, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return self.run([self.lab.program.with_name("codexlab"), *words], cwd=cwd)

    def launch(
        self, flags: list[str], *command: str, cwd: Path
    ) -> subprocess.CompletedProcess[str]:
        return self.run(self.lab.argv(["--issue", "1", *flags], command), cwd=cwd)


def caller_named(name: str, request: pytest.FixtureRequest, lab: Lab, scratch: Path) -> Caller:
    """Return ``root``, or ``nobody`` where there is one beside us."""
    if name == "root":

        def run(words: list[str], *, cwd: Path) -> subprocess.CompletedProcess[str]:
            return run_to_end(
                [str(word) for word in words],
                lab.environ | CANARIES | {"PATH": search_path(lab, cwd)},
                cwd,
            )

        return Caller(lab, run, scratch)
    nobody: Unprivileged = request.getfixturevalue("as_nobody")
    if os.geteuid() != 0:
        pytest.skip("the other caller is unprivileged already")
    environ = {**CANARIES, **nobody.places(), "CODEX_HOME": str(nobody.home / ".codex")}

    def run_as(words: list[str], *, cwd: Path) -> subprocess.CompletedProcess[str]:
        path = {"PATH": search_path(lab, cwd)}
        return nobody.run(words, cwd=cwd, environ=environ | path, timeout=120)

    return Caller(lab, run_as, nobody.home)


def search_path(lab: Lab, cwd: Path) -> str:
    """Return a PATH that leads into the directory one stands in, as some tools make it."""
    return f"{cwd}/bin:./bin:.:{lab.environ['PATH']}"


def repository_of(caller: Caller) -> Path:
    """Make a repository of the caller's own whose HEAD has a submodule."""
    repo = caller.home / "repo"
    shutil.copytree(caller.lab.cwd, repo)
    head = git(repo, "rev-parse", "HEAD")
    (repo / ".gitmodules").write_text('[submodule "sub"]\n\tpath = sub\n\turl = file:///nowhere\n')
    git(repo, "add", ".gitmodules")
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{head},sub")
    git(repo, "commit", "-q", "-m", "Add a submodule")
    (repo / "sub").mkdir()
    return repo


def place_for(caller: Caller, kind: str) -> tuple[list[str], Path]:
    """Return the flags of a launch and where it is called from."""
    repo = repository_of(caller)
    flags: list[str] = []
    cwd = repo
    if kind == "plain":
        flags = ["--no-repo"]
    if kind in ("linked", "given"):
        cwd = caller.home / "linked"
        git(repo, "worktree", "add", "-q", "-b", "mine", str(cwd))
    if kind == "given":
        flags, cwd = ["--workdir", str(cwd)], caller.home
    for path in (caller.home, *caller.home.rglob("*")):
        if not path.is_symlink() and os.geteuid() == 0 and caller.home.name == "nobody":
            give(path)
    return flags, cwd
