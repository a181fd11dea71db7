"""A table of somebody's cases, each with the tests that hold us to it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    :param tests: ``file::function`` below ``tests``.
    :param change: why codexlab expects something else; empty when it does not.
    """

    what: str
    tests: tuple[str, ...]
    change: str = ""


def missing_tests(case: Case) -> list[str]:
    """Return the tests that a case names and that are not there."""
    named = [reference.partition("::") for reference in case.tests]
    return [f"{file}::{name}" for file, _, name in named if name not in _functions(_TESTS / file)]


@cache
def _functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    return frozenset(
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
