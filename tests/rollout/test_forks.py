"""Chains of forks: a rollout may say only where in its parent's plain bytes it begins.

Real codex forks in two ways: ``legacy`` copies the parent's history, ``paginated``
refers to it by thread, ordinal and byte offset. Compressing either must change nothing.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.agents.app_server import app_server
from support.agents.codex import Codex
from support.model.server import ModelFactory, ModelRequest, ModelServer, Turn, say
from support.rollout.transcripts import rollout_of, rollouts
from support.rollout.writers import come_to_rest, left_over, logical

from codexlab.rollout.compression.compress import compress
from codexlab.rollout.maintenance.verify import verify_rollout
from codexlab.rollout.operations.handle import StoreHandle


@pytest.fixture
def server(model: ModelFactory) -> ModelServer:
    def answer(request: ModelRequest) -> Turn:
        return say(f"an answer to {request.prompt}")

    return model(answer)


def compress_all(places: StoreHandle, home: Path) -> None:
    """Compress every rollout, also one that changed within the kernel's last tick."""
    while paths := rollouts(home):
        results = list(compress(places, [places.rollout(str(path)) for path in paths]))
        assert all(
            result.outcome == "compressed" or "just now" in result.reason for result in results
        )


@pytest.mark.parametrize("history", ["legacy", "paginated"])
def test_codex_goes_on_with_each_of_a_chain_of_compressed_forks(
    codex: Codex,
    clean_environ: dict[str, str],
    tmp_path: Path,
    shared_home: Path,
    server: ModelServer,
    history: str,
) -> None:
    with app_server(codex, clean_environ, tmp_path) as client:
        parent = client.start(tmp_path, history)
        client.turn(parent, "one")
        client.turn(parent, "two")
        child = client.fork(parent)
        client.turn(child, "three")
        client.turn(parent, "four")
        grandchild = client.fork(child)
        client.turn(grandchild, "five")
    places = StoreHandle(shared_home)
    before = {path: path.read_bytes() for path in rollouts(shared_home)}
    base = json.loads(before[rollout_of(shared_home, child)].splitlines()[0])["payload"]
    assert ("history_base" in base) == (history == "paginated")
    compress_all(places, shared_home)
    for path, data in before.items():
        rollout = places.rollout(str(path))
        assert logical(rollout) == data
        assert list(verify_rollout(rollout)) == []
    with app_server(codex, clean_environ, tmp_path) as client:
        last = client.fork(grandchild)
        client.turn(last, "six")
        assert server.requests[-1].prompts == ["one", "two", "three", "five", "six"]
        for thread, prompts in (
            (child, ["one", "two", "three"]),
            (parent, ["one", "two", "four"]),
            (grandchild, ["one", "two", "three", "five"]),
        ):
            client.turn(client.resume(thread), "again")
            assert server.requests[-1].prompts == [*prompts, "again"]
    for path, data in before.items():
        assert path.read_bytes().startswith(data)
    come_to_rest(places)
    assert left_over(places) == []
