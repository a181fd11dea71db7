"""Searches of rollouts made by hand, with ripgrep and with programs that pose as it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from codexlab.rollout import SearchedRollout, make_query
from codexlab.rollout.search.search import search_rollouts
from support.agents.codex import find_ripgrep
from support.rollout.files import lines, meta, rollout_path, thread_id, write

RG = find_ripgrep()
needs_ripgrep = pytest.mark.skipif(RG is None, reason="no ripgrep, and no codex that brings one")


def make_rollout(home: Path, number: int, *records: dict[str, Any], **where: Any) -> Path:
    """Write a rollout; returns its plain path."""
    compressed = bool(where.pop("compressed", False))
    cwd = where.pop("cwd", "/src/app")
    path = rollout_path(home, thread_id(number), **where)
    write(path, lines(meta(thread_id(number), cwd=cwd), *records), compressed=compressed)
    return path


def pose_as_ripgrep(directory: Path, body: str = "raise SystemExit(1)") -> str:
    """Write a Python program; as it stands one that has read all and found nothing."""
    program = directory / "rg"
    program.write_text(f"#!{sys.executable}\n{body}\n")
    program.chmod(0o755)
    return str(program)


def search(
    home: Path | str, pattern: str = "needle", *, ripgrep: str | None = RG, **options: Any
) -> list[SearchedRollout]:
    filters = options.pop("filters", None)
    query = make_query(pattern, **options)
    return list(search_rollouts(home, query, filters, ripgrep=ripgrep))


def lines_found(results: list[SearchedRollout]) -> list[int]:
    return [hit.line for result in results for hit in result.hits]
