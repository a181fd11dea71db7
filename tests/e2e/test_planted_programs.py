"""Whatever an agent leaves behind for git, no command of ours starts it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import planted
from support.lab import Lab
from support.repositories import git
from support.unprivileged import Unprivileged, give

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


@pytest.fixture(params=["root", "nobody"])
def caller(request: pytest.FixtureRequest, lab: Lab, scratch: Path) -> Caller:
    if request.param == "root":

        def run(words: list[str], *, cwd: Path) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [str(word) for word in words],
                cwd=cwd,
                env=lab.environ | CANARIES | {"PATH": search_path(lab, cwd)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )

        return Caller(lab, run, scratch)
    nobody: Unprivileged = request.getfixturevalue("as_nobody")
    if os.geteuid() != 0:
        pytest.skip("the other caller is unprivileged already")
    environ = {
        **CANARIES,
        "CODEX_HOME": str(nobody.home / ".codex"),
        "CODEXLAB_WORKSPACES_ROOT": str(nobody.home / "ws"),
        **{f"XDG_{name}_HOME": str(nobody.home / name) for name in ("CONFIG", "STATE", "CACHE")},
    }

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


def assert_nothing_ran(witness: Path, what: object) -> None:
    ran = witness / "ran"
    text = ran.read_text() if ran.exists() else ""
    assert text == "", (what, text)


COMMANDS = (
    ("workspace", "show", "1"),
    ("workspace", "list"),
    ("workspace", "gc", "--idle", "0s"),
    ("run", "--issue", "1", "--dry-run", "--", "true"),
    ("env", "explain", "--", "true"),
    ("artifacts", "status"),
    ("reap",),
)
ENDINGS = (
    ("workspace", "gc", "--idle", "0s", "--apply"),
    ("workspace", "remove", "1"),
    ("workspace", "remove", "1", "--force"),
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("places", planted.GROUPS)
def test_no_command_of_ours_starts_what_an_agent_planted(
    places: str, kind: str, caller: Caller
) -> None:
    if places == "commondir" and kind == "plain":
        pytest.skip("a repository of its own has no commondir")
    flags, cwd = place_for(caller, kind)
    witness = caller.home / "witness"
    made = caller.launch(flags, "sh", "-c", PLAIN if kind == "plain" else "true", cwd=cwd)
    assert made.returncode == 0, made.stderr
    plant(caller, places, flags, cwd, witness)
    assert (witness / "planted").read_text() == places
    assert_nothing_ran(witness, "the planting run")
    for command in COMMANDS:
        said = caller.codexlab(*command, cwd=cwd)
        assert "Traceback" not in said.stderr, said.stderr
        assert_nothing_ran(witness, command)
    for words in (["true"], ["true"]):
        again = caller.launch(flags, *words, cwd=cwd)
        assert "Traceback" not in again.stderr, again.stderr
        assert_nothing_ran(witness, "the next launches")
    for ending in ENDINGS:
        said = caller.codexlab(*ending, cwd=cwd)
        assert "Traceback" not in said.stderr, said.stderr
        assert_nothing_ran(witness, ending)


def plant(caller: Caller, places: str, flags: list[str], cwd: Path, witness: Path) -> None:
    """Let an agent plant; an ordinary user's cannot start our interpreter, so he himself does."""
    words = [sys.executable, planted.__file__, places, str(witness)]
    if caller.home.name == "nobody":
        workdir = caller.codexlab("workspace", "path", "1", cwd=cwd).stdout.strip()
        done = caller.run(words, cwd=Path(workdir))
    else:
        done = caller.launch(flags, *words, cwd=cwd)
    assert done.returncode == 0, done.stderr


PLAIN = (
    "git config user.name agent && git config user.email agent@localhost && echo 1 >README.md"
    " && git add . && git commit -qm one"
    " && git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),sub"
    " && git commit -qm two && mkdir -p sub"
)


def test_every_way_names_the_page_it_comes_from() -> None:
    for key, value, page in planted.WAYS:
        assert "." in key
        assert value
        assert page.endswith((")", ".txt"))
