"""Questions beyond this machine, asked through stand-ins for ssh and gh."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from codexlab.env.artifact_root import ArtifactRoot
from codexlab.env.artifacts.repository import Repository, find_repository
from codexlab.env.artifacts.status import Row, collect_status

HOST = "CODEX_LAB_REMOTE_COMPILE_HOST"
RUNNERS = {"runners": [{
    "name": "mac-1", "os": "macOS", "status": "online", "busy": True,
    "labels": [{"name": "self-hosted"}, {"name": "ARM64"}],
}]}  # fmt: skip


@pytest.fixture
def repository(source_repo: Path) -> Repository:
    origin = "git@github.com:team/app.git"
    subprocess.run(["git", "-C", str(source_repo), "remote", "add", "origin", origin], check=True)
    found = find_repository(source_repo)
    assert found is not None
    return found


def stand_in(scratch: Path, name: str, script: str) -> dict[str, str]:
    """Put a program of this name on a PATH of its own."""
    directory = scratch / "bin"
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(f"#!/bin/sh\n{script}\n")
    (directory / name).chmod(0o755)
    return {"PATH": f"{directory}:/usr/bin:/bin", HOST: "builder"}


def rows(
    repository: Repository | None, environment: dict[str, str], *, remote: bool = True
) -> dict[tuple[str, str], Row]:
    report = collect_status(ArtifactRoot(None), repository, "host", environment, 5.0, remote=remote)
    return {(row.category, row.name): row for row in report.rows}


def test_the_compile_host_is_asked_without_a_prompt(scratch: Path) -> None:
    script = f'printf "%s\\n" "$@" > {scratch}/asked; echo builder; echo cargo 1.95.0'
    row = rows(None, stand_in(scratch, "ssh", script))["remote", "builder"]
    assert (row.state, row.why) == ("answered", "builder; cargo 1.95.0")
    asked = (scratch / "asked").read_text().splitlines()
    assert asked[:6] == ["-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "--", "builder"]


def test_without_the_flag_nobody_is_asked(scratch: Path, repository: Repository) -> None:
    environment = stand_in(scratch, "ssh", f"touch {scratch}/asked")
    stand_in(scratch, "gh", f"touch {scratch}/asked")
    row = rows(repository, environment, remote=False)["remote", "builder"]
    assert row.state == "configured"
    assert not (scratch / "asked").exists()


@pytest.mark.parametrize(
    ("script", "why"), [("echo refused >&2; exit 255", "refused"), ("exit 3", "status 3")]
)
def test_a_host_that_refuses_is_a_row_that_says_so(scratch: Path, script: str, why: str) -> None:
    row = rows(None, stand_in(scratch, "ssh", script))["remote", "builder"]
    assert (row.state, row.why) == ("no answer", why)


def test_a_host_name_that_is_an_option_is_not_given_to_ssh(scratch: Path) -> None:
    environment = stand_in(scratch, "ssh", f"touch {scratch}/asked")
    environment[HOST] = "-oProxyCommand=touch /tmp/x"
    row = rows(None, environment)["remote", environment[HOST]]
    assert row.why == "not a host name"
    assert not (scratch / "asked").exists()


def test_github_is_asked_for_the_runners_of_this_repository(
    scratch: Path, repository: Repository
) -> None:
    script = f"printf '%s\\n' \"$@\" > {scratch}/asked; echo '{json.dumps(RUNNERS)}'"
    row = rows(repository, stand_in(scratch, "gh", script))["runner", "mac-1"]
    assert row.why == "macOS online busy [self-hosted,ARM64]"
    assert "repos/team/app/actions/runners" in (scratch / "asked").read_text()


@pytest.mark.parametrize("answer", ["", "[]", "{}", "nonsense", '{"runners": [7]}'])
def test_an_answer_of_unknown_form_is_said(
    scratch: Path, repository: Repository, answer: str
) -> None:
    row = rows(repository, stand_in(scratch, "gh", f"echo '{answer}'"))["runner", "GitHub runners"]
    assert row.state == "no answer"


def test_without_gh_or_a_repository_of_github_nothing_fails(
    scratch: Path, repository: Repository
) -> None:
    row = rows(repository, {"PATH": str(scratch)})["runner", "GitHub runners"]
    assert row.why == "gh is not installed"
    assert ("runner", "GitHub runners") not in rows(None, {"PATH": str(scratch)})


def test_runners_on_this_disk_are_known_by_their_own_files(root: Path) -> None:
    runners = root / "github-actions" / "runners"
    for name, content in (
        (
            "good",
            b'\xef\xbb\xbf{"agentName": "linux-1", "gitHubUrl": "https://github.com/team/app"}',
        ),
        ("bad", b"{"),
    ):
        (runners / name).mkdir(parents=True)
        (runners / name / ".runner").write_bytes(content)
    report = collect_status(ArtifactRoot(root), None, "host", {}, 5.0)
    found = {row.name: row.why for row in report.rows if row.route == ".runner"}
    assert found == {
        "good": "https://github.com/team/app as linux-1",
        "bad": "its .runner cannot be read",
    }
