"""The page on security lists every git command of ours."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from support.product import ROOT, modules, name_of

PAGE = (ROOT / "docs/security.md").read_text()


def git_calls() -> Iterator[tuple[str, str]]:
    """Yield (file, function) of each place of the product where git is asked."""
    for path in modules():
        for outer in ast.walk(ast.parse(path.read_text())):
            if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef) and asks(outer):
                yield name_of(path), outer.name


def asks(function: ast.AST) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if called in ("ask_git", "run_git"):
                return True
        if isinstance(node, ast.List) and node.elts:
            first = node.elts[0]
            if isinstance(first, ast.Constant) and first.value == "git":
                return True
    return False


def test_every_git_command_of_ours_is_listed_with_why_it_is_safe() -> None:
    rows = re.findall(r"^\| `(\S+\.py)` `(\w+)` \|(.+)\|(.+)\|$", PAGE, re.MULTILINE)
    listed = {(file, function) for file, function, _, _ in rows}
    # The two that only pass a command on.
    passed_on = {("workspace/git/command.py", "ask_git"), ("workspace/git/command.py", "run_git")}
    assert listed == set(git_calls()) - passed_on
    assert all(what.strip() and why.strip() for _, _, what, why in rows)
