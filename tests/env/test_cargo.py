"""Cargo routing: keys, paths, variables."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexlab.env.artifact_root import ArtifactRoot
from codexlab.env.cargo import (
    CargoScope,
    ScopeError,
    new_cargo_key,
    parse_scope,
    repository_name,
    route_cargo,
    safe_cargo_key,
)

ROOT = ArtifactRoot(Path("/mnt/artifacts"))
HOST = "x86_64-unknown-linux-gnu"


def sanitized_by_codex_lab(text: str) -> str:
    """The sanitizer of codex-lab's scripts, run as they run it (reference, section 2)."""
    script = r"""tr -c 'A-Za-z0-9._+-' '-' | tr -s '-' | sed 's/^-*//; s/-*$//'"""
    done = subprocess.run(
        ["sh", "-c", script],
        input=text.encode(),
        capture_output=True,
        env={"LC_ALL": "C"},
        check=True,
    )
    out = done.stdout.decode()
    return "workspace" if out in ("", ".", "..") else out


@pytest.mark.parametrize(
    "key", ["123", "issue-123-0123456789ab", "0199c0de-7e57-7abc-8def-0123456789ab", "a.b_c+d"]
)
def test_a_key_that_codex_labs_scripts_leave_alone_stays(key: str) -> None:
    assert sanitized_by_codex_lab(key) == key
    assert safe_cargo_key(key) == key


@pytest.mark.parametrize(
    "key",
    ["", ".", "..", "../..", "/", "a/b", "a b", "a--b", "-a", "a-", "é", "日本", "naïve", "a\nb",
     "a\0b", "a.", ".git", "x" * 300, "Case", "agent/session one", "\udcff"],
)  # fmt: skip
def test_any_other_key_becomes_a_slug_and_a_hash(key: str) -> None:
    safe = safe_cargo_key(key)
    assert re.fullmatch(r"[A-Za-z0-9_+][A-Za-z0-9._+-]{0,80}\+[0-9a-f]{16}", safe)
    assert sanitized_by_codex_lab(safe) == safe


def test_keys_that_codex_lab_would_let_collide_do_not() -> None:
    keys = [
        "a/b",
        "a-b",
        "a b",
        "日本",
        "é",
        "/",
        "workspace",
        "Ab",
        "ab",
        "aB",
        "x" * 300,
        "x" * 301,
    ]
    routed = {safe_cargo_key(key).lower() for key in keys}
    assert len(routed) == len(keys)


def test_a_key_that_has_the_form_of_a_hashed_one_is_hashed_again() -> None:
    safe = safe_cargo_key("a/b")
    assert safe_cargo_key(safe) != safe


@pytest.mark.parametrize(
    "issue", ["123", "PROJ-7", "../..", "", "é", "x" * 300, "a--b", "a+", "a\n"]
)
def test_a_new_key_reads_as_its_issue_and_survives_both_sanitizers(issue: str) -> None:
    key = new_cargo_key(issue)
    assert re.fullmatch(r".+-[0-9a-f]{12}", key)
    assert len(key) <= 73
    assert safe_cargo_key(key) == key == sanitized_by_codex_lab(key)
    assert new_cargo_key(issue) != key


def test_a_new_key_begins_with_the_issue() -> None:
    assert new_cargo_key("123").startswith("123-")
    assert new_cargo_key("PROJ-7").startswith("proj-7-")


def test_the_agent_scope_is_routed_where_codex_labs_scripts_build() -> None:
    route = route_cargo("k-1", CargoScope.AGENT, ROOT, "codex-lab", HOST)
    target = f"/mnt/artifacts/local/codex-lab/worktrees/k-1/cargo-target/{HOST}"
    assert route.target_dir == Path(target)
    assert route.variables == {
        "CODEX_LAB_CARGO_TARGET_SCOPE": "agent",
        "CODEX_LAB_CARGO_TARGET_KEY": "k-1",
        "CODEX_LAB_DEVELOPER_ARTIFACTS_ROOT": "/mnt/artifacts",
        "CARGO_BUILD_TARGET_DIR": target,
    }
    assert {"CARGO_TARGET_DIR", "CODEX_LAB_CARGO_TARGET_DIR"} <= set(route.removed)


def test_the_shared_scope_has_no_key_in_its_path() -> None:
    route = route_cargo("k-1", CargoScope.SHARED, ROOT, "codex-lab", HOST)
    assert route.target_dir == Path(f"/mnt/artifacts/local/codex-lab/cargo-target/{HOST}")
    assert "CODEX_LAB_CARGO_TARGET_KEY" not in route.variables
    assert "CODEX_LAB_CARGO_TARGET_KEY" in route.removed


def test_without_a_root_cargo_is_left_to_the_workspace() -> None:
    route = route_cargo("k-1", CargoScope.AGENT, ArtifactRoot(None), "codex-lab", HOST)
    assert route.target_dir is None
    assert route.variables == {
        "CODEX_LAB_CARGO_TARGET_SCOPE": "agent",
        "CODEX_LAB_CARGO_TARGET_KEY": "k-1",
    }
    assert {"CARGO_BUILD_TARGET_DIR", "CODEX_LAB_DEVELOPER_ARTIFACTS_ROOT"} <= set(route.removed)


def test_the_scope_off_touches_nothing() -> None:
    route = route_cargo("k-1", CargoScope.OFF, ROOT, "codex-lab", HOST)
    assert (route.variables, route.removed, route.target_dir) == ({}, (), None)


def test_an_unknown_scope_is_refused_by_name() -> None:
    assert parse_scope("agent") == "agent"
    with pytest.raises(ScopeError, match=r"'Agent'.*shared, worktree, agent, off"):
        parse_scope("Agent")
    with pytest.raises(ScopeError):
        parse_scope("")


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ("git@example.org:team/codex-lab.git", "codex-lab"),
        ("https://user:hunter2@example.org/team/app.git/", "app"),
        ("ssh://git@example.org:22/app", "app"),
        ("https://user:hunter2@example.org", "example.org"),
        ("/srv/git/app.git", "app"),
        ("file:///srv/..", ".."),
        ("app", "app"),
    ],
)
def test_a_repository_is_called_by_the_last_segment_of_its_origin(origin: str, name: str) -> None:
    assert repository_name(origin, "/home/a/other") == name


@pytest.mark.parametrize("origin", [None, "", " ", "/", ".git"])
def test_repositories_without_an_origin_do_not_share_a_name(origin: str | None) -> None:
    one, two = (repository_name(origin, f"/home/{user}/app") for user in "ab")
    assert one != two
    assert re.fullmatch(r"app-[0-9a-f]{12}", one)


def test_an_origin_that_climbs_stays_below_the_root() -> None:
    route = route_cargo("k-1", CargoScope.AGENT, ROOT, repository_name("x/..", "/"), HOST)
    assert route.target_dir is not None
    assert os.path.normpath(route.target_dir) == str(route.target_dir)
    assert str(route.target_dir).startswith("/mnt/artifacts/local/workspace+")


ANY_TEXT = st.text(max_size=150) | st.text("aA-./+0", max_size=4)
SCOPES: st.SearchStrategy[CargoScope] = st.sampled_from([CargoScope.WORKTREE, CargoScope.AGENT])


def routed(key: str, scope: CargoScope, repo: str) -> str:
    target = route_cargo(safe_cargo_key(key), scope, ROOT, repo, HOST).target_dir
    assert target is not None
    return str(target)


@given(ANY_TEXT, ANY_TEXT, SCOPES, ANY_TEXT, ANY_TEXT)
def test_routing_is_injective_and_stays_below_the_root(
    one: str, other: str, scope: CargoScope, repo: str, other_repo: str
) -> None:
    first, second = routed(one, scope, repo), routed(other, scope, other_repo)
    for target in (first, second):
        assert os.path.normpath(target) == target
        assert target.startswith("/mnt/artifacts/local/")
        assert len(target.split("/")) == 9
        assert all(len(part) <= 255 for part in target.split("/"))
    assert (first == second) == ((one, repo) == (other, other_repo))
    assert (safe_cargo_key(one).lower() == safe_cargo_key(other).lower()) == (one == other)
