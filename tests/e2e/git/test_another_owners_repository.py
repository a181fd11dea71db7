"""A repository of another user is trusted where the caller's git trusts it, and only there."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.commands import run_to_end
from support.git.repositories import git, make_repository
from support.lab import Lab
from support.users.unprivileged import NOBODY, Unprivileged, give

pytestmark = [
    pytest.mark.one_python,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another's files"),
]
Done = subprocess.CompletedProcess[str]
Given = dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody who launches in a repository that belongs to somebody else.

    :param run: runs a command in the repository with variables added.
    :param owner: whose the repository is.
    """

    lab: Lab
    repo: Path
    run: Callable[[list[str], dict[str, str]], Done]
    owner: int

    def launch(self, *command: str, flags: tuple[str, ...] = (), given: Given = None) -> Done:
        return self.run(self.lab.argv(["--issue", "1", *flags], command), given or {})

    @property
    def ran(self) -> bool:
        return (self.repo / "ran").exists()


@pytest.fixture(params=["root", "nobody"])
def stranger(
    request: pytest.FixtureRequest, lab: Lab, scratch: Path, as_nobody: Unprivileged
) -> Stranger:
    """Root in a repository of nobody's, and nobody in a repository of root's."""
    repo = make_repository(scratch / "theirs", {".gitattributes": "*.txt filter=f\n"})
    git(repo, "config", "filter.f.smudge", f"touch {shlex.quote(str(repo))}/ran; cat")
    (repo / "a.txt").write_text("one\n")
    git(repo, "add", "a.txt")
    git(repo, "commit", "-q", "-m", "Add a text")
    by_root = request.param == "root"
    for path in (repo, *repo.rglob("*")):
        if by_root:
            give(path)
        else:
            path.chmod(0o777)
    config = (scratch if by_root else as_nobody.home) / "global.gitconfig"
    known = {"GIT_CONFIG_GLOBAL": str(config), "GIT_CONFIG_NOSYSTEM": "1"}

    def run(words: list[str], environ: dict[str, str]) -> Done:
        if not by_root:
            places = as_nobody.places() | {"CODEX_HOME": str(as_nobody.home / ".codex")}
            return as_nobody.run(words, cwd=repo, environ=known | places | environ)
        whole = lab.environ | known | environ
        return run_to_end(words, whole, repo)

    return Stranger(lab, repo, run, NOBODY if by_root else 0)


def by_environment(*pairs: tuple[str, str]) -> dict[str, str]:
    found = {"GIT_CONFIG_COUNT": str(len(pairs))}
    for number, (key, value) in enumerate(pairs):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return found


def test_it_is_refused_with_gits_own_remedy_and_its_filters_do_not_run(stranger: Stranger) -> None:
    assert stranger.run(["git", "status"], {}).returncode == 128
    remedy = f"git config --global --add safe.directory {stranger.repo}"
    for flags in ((), ("--dry-run",)):
        done = stranger.launch("true", flags=flags)
        assert done.returncode == 125, done.stderr
        assert f"belongs to user id {stranger.owner}" in done.stderr
        assert remedy in done.stderr
        assert done.stderr.count("\n") == 1
    assert not stranger.ran
    assert stranger.run(shlex.split(remedy), {}).returncode == 0
    done = stranger.launch("git", "status", "--short")
    assert done.returncode == 0, done.stderr
    assert stranger.ran


def test_a_bare_repository_of_another_user_is_refused_and_trusted_by_its_own_path(
    stranger: Stranger,
) -> None:
    bare = (stranger.repo / ".git").rename(stranger.repo / "bare.git")
    (bare / "config").write_text((bare / "config").read_text().replace("bare = false", "bare"))
    flags = ("--repo", str(bare))
    done = stranger.launch("true", flags=flags)
    assert (done.returncode, stranger.ran) == (125, False), done.stderr
    assert f"safe.directory {bare}" in done.stderr
    trusted = by_environment(("safe.directory", str(bare)))
    done = stranger.launch("git", "status", flags=flags, given=trusted)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("value", ["*", "the repository"])
def test_what_the_environment_trusts_is_launched_and_works_for_the_agent(
    stranger: Stranger, value: str
) -> None:
    place = str(stranger.repo) if value != "*" else value
    given = by_environment(("user.name", "caller"), ("safe.directory", place))
    assert stranger.run(["git", "status"], given).returncode == 0
    script = f"git status --short && git -C {stranger.repo} status --short && git config user.name"
    done = stranger.launch("sh", "-c", script, given=given)
    assert done.returncode == 0, done.stderr
    # Nothing but safe.directory passes: the name is the repository's.
    assert "codexlab tests" in done.stdout
    explain = [str(stranger.lab.program.with_name("codexlab")), "env", "explain", "--issue", "1"]
    said = stranger.run([*explain, "--", "true"], given).stdout
    rows = [line.split(maxsplit=2) for line in said.splitlines()]
    assert ["set", "GIT_CONFIG_PARAMETERS", "codexlab"] in rows
    assert ["dropped", "GIT_CONFIG_COUNT", "drop: git redirection"] in rows


def test_what_git_c_hands_on_counts_as_well(stranger: Stranger) -> None:
    done = stranger.launch("true", given={"GIT_CONFIG_PARAMETERS": "'safe.directory=*'"})
    assert done.returncode == 0, done.stderr


def test_where_nobody_is_trusted_the_agent_gets_no_configuration(lab: Lab) -> None:
    lab.environ.update(by_environment(("core.editor", "vi")))
    done = lab.run(["--issue", "1"], ["sh", "-c", "env | grep ^GIT_CONFIG_[PCKV]; true"])
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_a_user_who_sets_the_variable_for_the_agent_overrules_ours(lab: Lab) -> None:
    lab.environ.update(by_environment(("safe.directory", "*")))
    flags = ["--issue", "1", "--set", "GIT_CONFIG_PARAMETERS='user.name=set'"]
    done = lab.run(flags, ["git", "config", "user.name"])
    assert (done.returncode, done.stdout) == (0, "set\n"), done.stderr


def test_the_agents_git_works_in_a_workdir_of_ours_that_became_another_users(lab: Lab) -> None:
    assert lab.run(["--issue", "1"], ["true"]).returncode == 0
    for path in (lab.workspace / "workdir", *(lab.workspace / "workdir").iterdir()):
        os.chown(path, NOBODY, NOBODY)
    done = lab.run(["--issue", "1"], ["git", "status", "--short"])
    assert done.returncode == 0, done.stderr


def test_a_url_is_rewritten_as_the_environment_of_the_caller_says(lab: Lab, scratch: Path) -> None:
    make_repository(scratch / "elsewhere/project", {"here.txt": "here\n"})
    lab.environ.update(by_environment((f"url.{scratch}/elsewhere/.insteadOf", "lab://host/")))
    done = lab.run(["--issue", "1", "--repo", "lab://host/project"], ["cat", "here.txt"])
    assert (done.returncode, done.stdout) == (0, "here\n"), done.stderr
