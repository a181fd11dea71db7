"""The places every test gets for itself."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from support.agents.codex import write_codex_config
from support.git.repositories import git
from support.rollout.transcripts import make_rollout, read_rollout, rollout_of, said
from support.users.unprivileged import Unprivileged


def test_no_test_sees_the_developers_home_or_agents(scratch: Path) -> None:
    assert os.environ["HOME"] == str(scratch / "home")
    assert Path("~/.codex").expanduser() == scratch / "home" / ".codex"
    names = [name for name in os.environ if name.startswith(("CODEX", "OPENAI_", "STUB"))]
    assert names == []


def test_the_scratch_does_not_lie_below_the_temporary_directory(scratch: Path) -> None:
    assert not scratch.is_relative_to(os.environ["TMPDIR"])
    assert not scratch.is_relative_to(tempfile.gettempdir())


def test_the_scratch_lies_outside_every_checkout(scratch: Path) -> None:
    assert not [path for path in scratch.parents if (path / ".git").exists()]


def test_a_socket_path_fits_below_the_runtime_directory(scratch: Path) -> None:
    longest = scratch / "run" / f"codexlab-{os.getuid()}" / "01234567" / "socket"
    assert len(os.fsencode(longest)) <= 107


def test_the_sample_repository_has_one_commit_and_no_foreign_settings(source_repo: Path) -> None:
    assert git(source_repo, "rev-list", "--count", "HEAD") == "1"
    origins = git(source_repo, "config", "--list", "--show-origin").splitlines()
    assert {line.split("\t")[0] for line in origins} == {"file:.git/config"}


def test_extra_configuration_goes_above_and_below_the_provider(scratch: Path) -> None:
    extra = 'sandbox_mode = "read-only"\n[tools]\nview_image = false'
    text = write_codex_config(scratch / "h", "http://127.0.0.1:1/v1", extra).read_text()
    assert text.index("sandbox_mode") < text.index("[model_providers.stub]") < text.index("[tools]")


def test_a_made_rollout_reads_back(shared_home: Path, scratch: Path) -> None:
    path = make_rollout(shared_home, cwd=scratch, messages=2, text="hi", thread="t-1")
    assert rollout_of(shared_home, "t-1") == path
    assert read_rollout(path)[0]["payload"]["cwd"] == str(scratch)
    assert said(path, "user") == ["hi 0", "hi 1"]


def test_an_unprivileged_program_has_its_own_home_and_no_power(as_nobody: Unprivileged) -> None:
    done = as_nobody.run(["sh", "-c", 'id -u; touch "$HOME/mine" && echo made; touch /etc/no'])
    uid, made = done.stdout.split()
    assert uid != "0"
    assert made == "made"
    assert done.returncode != 0
