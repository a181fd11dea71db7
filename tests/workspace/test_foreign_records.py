"""Whatever the records say: never a traceback, never a deletion, nothing written elsewhere."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from codexlab.kernel.errors import CodexlabError
from codexlab.workspace.claim.claim import claim_workspace
from codexlab.workspace.claim.threads import read_threads, record_thread, stored_cargo_key
from codexlab.workspace.codex_home.heal import heal_codex_home
from codexlab.workspace.gc.remove import remove_workspace
from codexlab.workspace.gc.survey import survey_workspaces
from codexlab.workspace.gc.verdict import GcPolicy, plan_collection
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.owner import OwnerRecord
from codexlab.workspace.paths import WorkspaceKey, WorkspacePaths, locate_workspace
from codexlab.workspace.workdir.plan import choose_workdir
from codexlab.workspace.workdir.prepare import prepare_workdir

KEY = WorkspaceKey("shop", "123", "codex")
RECORDS = ("workspace.json", "owner.json", "threads.json", "home.json")
OWNER = OwnerRecord("r-1", 4194304, 1, "b", "h", os.geteuid(), None, "none", True, "now")

texts = st.text(max_size=8) | st.sampled_from(
    ["", "..", "../../x", "/", "\0", "\ud800", "main", "--option", "codexlab/1/codex", "x" * 5000]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture
def paths(tmp_path: Path, repo: Path, shared: Path) -> WorkspacePaths:
    """A workspace with uncommitted work in a worktree, and every record in place."""
    paths = locate_workspace(tmp_path / "ws", KEY)
    claim = claim_workspace(paths, KEY)
    prepare_workdir(claim, choose_workdir(inspect_checkout(repo), paths))
    heal_codex_home(paths, shared, writable_roots=["/cache"])
    record_thread(paths, "t-1", paths.workdir, "codex")
    claim.write_owner(OWNER)
    claim.release()
    (paths.workdir / "work.txt").write_text("nowhere else")
    return paths


def use_it_all(paths: WorkspacePaths, start: Path, shared: Path) -> None:
    """Do everything a launch and the commands do with a workspace; nothing may be lost."""
    for survey in survey_workspaces(paths.base):
        assert survey.paths == paths
    for verdict in plan_collection(paths.base, GcPolicy(idle=0.0, empty=0.0), 2e9):
        assert verdict.action in ("keep", "due")
    refusals = [refusal_of(lambda: remove_workspace(paths, KEY))]
    assert refusals != [""]
    refusals.append(refusal_of(lambda: launch(paths, start, shared)))
    assert not any("\n" in refusal for refusal in refusals)


def refusal_of(action: Callable[[], object]) -> str:
    """Return the line an action is refused with, or nothing when it is done."""
    try:
        action()
    except CodexlabError as error:
        return str(error)
    return ""


def launch(paths: WorkspacePaths, start: Path, shared: Path) -> None:
    claim = claim_workspace(paths, KEY)
    try:
        prepare_workdir(claim, choose_workdir(inspect_checkout(start), paths))
        assert stored_cargo_key(paths, lambda: "made").isprintable()
        heal_codex_home(paths, shared, writable_roots=["/cache"])
        record_thread(paths, "t-2", paths.workdir, "codex")
        assert read_threads(paths).threads[-1].id == "t-2"
    finally:
        claim.release()


def check_nothing_is_lost(paths: WorkspacePaths, repo: Path, git: Callable[..., str]) -> None:
    assert (paths.workdir / "work.txt").read_text() == "nowhere else"
    assert (paths.workdir / "file0.txt").exists()
    assert git(repo, "branch", "--list", "main", "codexlab/*").count("\n") == 1


def keep_records(paths: WorkspacePaths) -> Callable[[], None]:
    """Return what puts every record back as it is now."""
    kept = {name: (paths.control / name).read_bytes() for name in RECORDS}

    def restore() -> None:
        for aside in paths.control.glob("*.aside-*"):
            aside.unlink()
        for name, data in kept.items():
            (paths.control / name).write_bytes(data)

    return restore


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_of_anything_is_repaired_or_refused(
    name: str, paths: WorkspacePaths, repo: Path, shared: Path, git: Callable[..., str]
) -> None:
    restore = keep_records(paths)
    record: dict[str, Any] = json.loads((paths.control / name).read_bytes())

    @settings(
        max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.dictionaries(st.sampled_from(sorted(record)), values, min_size=1, max_size=2))
    def change_some_values(changes: dict[str, object]) -> None:
        restore()
        (paths.control / name).write_text(json.dumps({**record, **changes}))
        use_it_all(paths, repo, shared)
        check_nothing_is_lost(paths, repo, git)

    change_some_values()


@pytest.mark.parametrize("name", RECORDS)
def test_any_bytes_in_a_records_place_are_repaired_or_refused(
    name: str, paths: WorkspacePaths, repo: Path, shared: Path, git: Callable[..., str]
) -> None:
    restore = keep_records(paths)

    @settings(
        max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.binary(max_size=20) | values.map(lambda value: json.dumps(value).encode()))
    @example(b"[" * 5_000)
    @example(b"\xef\xbb\xbf{}")
    @example(b'{"v": 1' + b"0" * 5000 + b"}")
    def write_anything(data: bytes) -> None:
        restore()
        (paths.control / name).write_bytes(data)
        use_it_all(paths, repo, shared)
        check_nothing_is_lost(paths, repo, git)

    write_anything()


@pytest.mark.parametrize("branch", ["main", "side", "codexlab/../main", "codexlab/../../x"])
def test_a_record_cannot_have_a_branch_of_somebody_elses_deleted(
    branch: str, paths: WorkspacePaths, repo: Path, git: Callable[..., str]
) -> None:
    git(repo, "branch", "side")
    git(repo, "checkout", "-q", "--detach")
    (repo / ".git/x.lock").write_text("not ours")
    (paths.workdir / "work.txt").unlink()
    record = json.loads(paths.provenance.read_bytes())
    paths.provenance.write_text(json.dumps({**record, "branch": branch}))
    remove_workspace(paths, KEY, force=True)
    assert {"main", "side"} <= set(git(repo, "branch", "--format=%(refname:short)").splitlines())
    assert (repo / ".git/x.lock").exists()


def test_a_lost_record_never_takes_the_branch_the_worktree_is_on_for_ours(
    paths: WorkspacePaths, repo: Path, git: Callable[..., str]
) -> None:
    (paths.workdir / "work.txt").unlink()
    git(paths.workdir, "checkout", "-q", "-b", "somebodys")
    paths.provenance.unlink()
    claim_workspace(paths, KEY).release()
    remove_workspace(paths, KEY)
    assert "somebodys" in git(repo, "branch")
    assert "codexlab" not in git(repo, "branch")


@pytest.mark.parametrize("name", ["", "..", "../../../outside", "/outside", "a/b", "\0", "\ud800"])
def test_a_run_named_like_a_path_is_no_run(name: str, paths: WorkspacePaths) -> None:
    record = json.loads(paths.owner.read_bytes())
    paths.owner.write_text(json.dumps({**record, "run_id": name, "contained": False}))
    (survey,) = survey_workspaces(paths.base)
    # What our state directory knows is not the agent's to write.
    assert survey.owner is not None
    assert survey.owner.run_id == record["run_id"]
    claim = claim_workspace(paths, KEY)
    assert [last.run_id for last in claim.lasts] == [record["run_id"]]
    assert (paths.control / "owner.json.aside-1").exists()
    claim.release()


@pytest.mark.parametrize("thread", ["--last", "", "..", "a/b", "a b", "x\n"])
def test_a_thread_that_would_be_an_option_or_a_path_is_not_kept(
    thread: str, paths: WorkspacePaths, tmp_path: Path
) -> None:
    assert [entry.id for entry in record_thread(paths, thread, tmp_path, "codex").threads] == [
        "t-1"
    ]
    log = json.loads(paths.threads.read_bytes())
    log["threads"][0]["id"] = thread
    paths.threads.write_text(json.dumps(log))
    assert read_threads(paths).threads == ()


@pytest.mark.parametrize("name", ["", ".", "./", "..", "../../escape", "/etc/x", "~/x", "a\0"])
def test_a_recorded_reference_never_leads_out_of_the_home(
    name: str, paths: WorkspacePaths, repo: Path, shared: Path
) -> None:
    (shared.parent / "escape").write_text("x")
    record = json.loads((paths.control / "home.json").read_bytes())
    (paths.control / "home.json").write_text(json.dumps({**record, "references": [name]}))
    before = set(paths.base.parent.rglob("*"))
    claim = claim_workspace(paths, KEY)
    heal_codex_home(paths, shared, writable_roots=["/cache"])
    claim.release()
    assert set(paths.base.parent.rglob("*")) == before


def test_a_setting_that_is_a_directory_itself_is_no_reference(
    paths: WorkspacePaths, shared: Path
) -> None:
    (shared / "config.toml").write_text('log_path = "./"\nother_path = "."\n')
    claim = claim_workspace(paths, KEY)
    assert heal_codex_home(paths, shared).warnings == ()
    claim.release()
