"""In codex's home a name of codex's or of the user's hides no content that exists only there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.lab import Lab
from support.workspace.unique_work import PLAIN, collected, only_here, work, workspace

# What is tried here is the disk: the same for each Python.
pytestmark = pytest.mark.one_python

IN_PLACE = "cp {} ../codex-home/.t; mv ../codex-home/.t ../codex-home/{}"


def login(path: Path, account: str, month: int) -> Path:
    """Write a login as codex does, and return the path."""
    tokens = {"access_token": f"a{month}", "refresh_token": f"r{month}", "account_id": account}
    values = {"tokens": tokens, "last_refresh": f"2026-0{month}-01T00:00:00Z"}
    path.write_text(json.dumps(values))
    return path


@pytest.mark.parametrize("account", ["mine", "another"])
def test_a_login_that_was_renewed_in_the_workspace_counts(
    account: str, lab: Lab, shared_home: Path, scratch: Path
) -> None:
    login(shared_home / "auth.json", "mine", 1)
    renewed = login(scratch / "renewed", account, 6)
    root = work(lab, IN_PLACE.format(renewed, "auth.json"), PLAIN)
    said = ["codex-home/auth.json, a login that only the workspace has"]
    assert only_here(lab) == said
    refused = workspace(lab, "remove", "1")
    assert (refused.returncode, "r6" in refused.stdout + refused.stderr) == (125, False)
    assert collected(lab)["findings"] == said
    assert (root / "codex-home/auth.json").read_bytes() == renewed.read_bytes()


@pytest.mark.parametrize("name", ["auth.json", ".credentials.json"])
def test_a_login_that_the_user_does_not_have_at_all_counts(
    name: str, lab: Lab, scratch: Path
) -> None:
    made = login(scratch / "made", "mine", 6)
    work(lab, IN_PLACE.format(made, name), PLAIN)
    assert only_here(lab) == [f"codex-home/{name}, a login that only the workspace has"]
    assert workspace(lab, "remove", "1").returncode == 125


@pytest.mark.parametrize("name", ["auth.json", ".credentials.json"])
def test_a_login_that_the_user_has_as_well_keeps_nothing(
    name: str, lab: Lab, shared_home: Path
) -> None:
    own = login(shared_home / name, "mine", 1)
    root = work(lab, IN_PLACE.format(own, name), PLAIN)
    assert not (root / "codex-home" / name).samefile(own)
    assert only_here(lab) == []
    assert workspace(lab, "remove", "1").returncode == 0


def test_logins_of_servers_that_the_user_has_logged_out_of_keep_nothing(
    lab: Lab, shared_home: Path
) -> None:
    own = login(shared_home / ".credentials.json", "mine", 1)
    root = work(lab, "true", PLAIN)
    own.unlink()
    assert (root / "codex-home/.credentials.json").is_file()
    assert only_here(lab) == []
    assert workspace(lab, "remove", "1").returncode == 0
