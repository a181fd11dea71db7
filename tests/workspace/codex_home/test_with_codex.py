"""Real codex in healed homes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.agents.codex import Codex
from support.commands import run_to_end
from support.marks import both_codex
from support.model.server import ModelFactory, say
from support.rollout.transcripts import rollout_of, said

from codexlab.workspace.claim.claim import Claim, claim_workspace
from codexlab.workspace.codex_home.heal import heal_codex_home
from codexlab.workspace.codex_home.linked_rollout import expose_rollout
from codexlab.workspace.errors import HomeRefused
from codexlab.workspace.gc.remove import remove_workspace
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.paths import WorkspaceKey, locate_workspace
from codexlab.workspace.users_codex_home import SessionMode
from codexlab.workspace.workdir.plan import choose_workdir
from codexlab.workspace.workdir.prepare import prepare_workdir

Run = Callable[..., str]


@pytest.fixture
def claim(scratch: Path, key: WorkspaceKey) -> Iterator[Claim]:
    """A claim outside TMPDIR, below which codex has no sandbox."""
    held = claim_workspace(locate_workspace(scratch / "ws", key), key)
    yield held
    held.release()


@pytest.fixture
def run(codex: Codex, clean_environ: dict[str, str]) -> Run:
    """Return a function that runs one turn and returns the id of its thread."""

    def execute(home: Path, cwd: Path, *words: str) -> str:
        done = run_to_end(
            [codex.native, "exec", "--json", *words],
            {**clean_environ, "CODEX_HOME": str(home)},
            cwd,
        )
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout.splitlines()[0])["thread_id"])

    return execute


@both_codex
def test_a_thread_made_in_an_issues_home_outlives_it_in_the_users_own(
    claim: Claim, run: Run, model: ModelFactory, shared_home: Path, source_repo: Path
) -> None:
    model([say("one"), say("two")])
    workdir = prepare_workdir(claim, choose_workdir(inspect_checkout(source_repo), claim.paths))
    heal_codex_home(claim.paths, shared_home)
    thread = run(claim.paths.codex_home, workdir.path, "task")
    claim.release()
    remove_workspace(claim.paths, claim.key)
    assert run(shared_home, source_repo, "resume", thread, "more") == thread
    assert said(rollout_of(shared_home, thread), "assistant") == ["one", "two"]


@both_codex
def test_a_launch_after_codex_changes_no_byte_of_its_home(
    claim: Claim,
    run: Run,
    model: ModelFactory,
    shared_home: Path,
    source_repo: Path,
    snapshot: Callable[[Path], object],
) -> None:
    model([say("one")])
    workdir = prepare_workdir(claim, choose_workdir(inspect_checkout(source_repo), claim.paths))
    heal_codex_home(claim.paths, shared_home)
    run(claim.paths.codex_home, workdir.path, "task")
    heal_codex_home(claim.paths, shared_home)
    before = snapshot(claim.paths.codex_home), snapshot(workdir.path)
    report = heal_codex_home(claim.paths, shared_home)
    prepare_workdir(claim, choose_workdir(inspect_checkout(source_repo), claim.paths))
    assert report.healthy
    assert (snapshot(claim.paths.codex_home), snapshot(workdir.path)) == before


def test_one_thread_of_the_shared_store_goes_on_in_a_home_with_its_own(
    claim: Claim, run: Run, model: ModelFactory, shared_home: Path, source_repo: Path
) -> None:
    model([say("one"), say("two"), say("three")])
    thread = run(shared_home, source_repo, "task")
    other = run(shared_home, source_repo, "another")
    heal_codex_home(claim.paths, shared_home, sessions=SessionMode.ISSUE)
    exposed = expose_rollout(claim.paths, shared_home, rollout_of(shared_home, thread))
    assert expose_rollout(claim.paths, shared_home, rollout_of(shared_home, thread)) == exposed
    assert run(claim.paths.codex_home, source_repo, "resume", thread, "more") == thread
    assert said(rollout_of(shared_home, thread), "assistant") == ["one", "three"]
    assert other not in str(sorted((claim.paths.codex_home / "sessions").rglob("*.jsonl")))
    assert heal_codex_home(claim.paths, shared_home, sessions=SessionMode.ISSUE).healthy
    claim.release()
    remove_workspace(claim.paths, claim.key)
    assert said(rollout_of(shared_home, thread), "assistant") == ["one", "three"]


def test_only_plain_rollouts_of_the_shared_home_are_exposed(
    claim: Claim, shared_home: Path, tmp_path: Path
) -> None:
    heal_codex_home(claim.paths, shared_home, sessions=SessionMode.ISSUE)
    outside = tmp_path / "rollout.jsonl"
    outside.write_text("x")
    packed = shared_home / "sessions/rollout.jsonl.zst"
    packed.parent.mkdir(exist_ok=True)
    packed.write_text("x")
    for path in (outside, packed, shared_home / "sessions/gone.jsonl"):
        with pytest.raises(HomeRefused, match="expected a plain rollout"):
            expose_rollout(claim.paths, shared_home, path)
