"""What real codex writes, read by everything that reads."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from support.agents.codex import Codex
from support.marks import both_codex
from support.model.server import ModelFactory, run_command, say
from support.rollout.files import frame

from codexlab.rollout import (
    Role,
    find_thread,
    iter_lines,
    make_query,
    open_snapshot,
    read_conversation,
    read_session_meta,
)
from codexlab.rollout.catalog.listing import list_rollouts
from codexlab.rollout.catalog.lookup import resolve_rollout
from codexlab.rollout.catalog.titles import first_prompt
from codexlab.rollout.reading.records import parse_record
from codexlab.rollout.search.search import search_rollouts

_PROMPT = 'count to "three"\nand say größer'
_ANSWER = "counted: all größer"


def _thread_of(
    codex: Codex, environ: dict[str, str], workdir: Path, *arguments: str
) -> dict[str, Any]:
    command = [str(codex), "exec", "--json", *arguments]
    result = subprocess.run(
        command, cwd=workdir, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=True
    )
    started: dict[str, Any] = json.loads(result.stdout.splitlines()[0])
    return started


@both_codex
def test_a_thread_of_real_codex_is_found_shown_listed_and_searched_in_both_forms(
    codex: Codex,
    model: ModelFactory,
    shared_home: Path,
    source_repo: Path,
    clean_environ: dict[str, str],
) -> None:
    model([run_command("seq 1 3; echo größer als"), say(_ANSWER)])
    options = ("-s", "danger-full-access", _PROMPT)
    thread = str(_thread_of(codex, clean_environ, source_repo, *options)["thread_id"])
    found = find_thread(shared_home, thread)
    assert found is not None
    for packed in (False, True):
        if packed:
            path = Path(found.path)
            Path(found.compressed_path).write_bytes(frame(path.read_bytes()))
            path.unlink()
        _check(shared_home, thread, found.path, codex.version, source_repo)


def _check(home: Path, thread: str, path: str, version: str, workdir: Path) -> None:
    assert resolve_rollout(home, thread[:-4]).path == path
    meta = read_session_meta(path)
    assert (meta.id, meta.cwd, meta.source) == (thread, str(workdir), "exec")
    assert meta.cli_version == version
    (entry,) = list_rollouts(home).entries
    assert entry.head.meta is not None
    assert (entry.head.meta.id, entry.head.meta.cwd) == (thread, str(workdir))
    with open_snapshot(path) as snapshot:
        assert first_prompt(snapshot) == _PROMPT
        forward = list(iter_lines(snapshot))
        assert not any(line.fault for line in forward)
        assert all(parse_record(line.data) is not None for line in forward)
        said = [line.entry for line in read_conversation(snapshot) if line.entry is not None]
    roles = [entry.role for entry in said]
    assert roles == [Role.USER, Role.TOOL, Role.TOOL, Role.ASSISTANT]
    assert said[1].call_id == said[2].call_id != ""
    assert "größer als" in said[2].text
    assert said[3].text == _ANSWER
    hits = [hit for result in search_rollouts(home, make_query("größer")) for hit in result.hits]
    assert [hit.entry.role for hit in hits] == roles
    assert not list(search_rollouts(home, make_query("größter")))
