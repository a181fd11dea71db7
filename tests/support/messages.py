"""Texts that a module composes: its string literals, joined as the program joins them.

A literal becomes a message on many ways, so every literal counts but docstrings. What is put
into an f-string is one word, unless it is a text of the same function or module: then the
longest that it can be is read.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

_VALUE = "VALUE"
_WORD_OF_PROSE = re.compile(r"(?<!\S)[a-z]+(?!\S)")


def messages(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield each text with its line; a table of names is no text."""
    for line, text in _texts(tree, _named(tree.body, {}), _docstrings(tree)):
        if _WORD_OF_PROSE.search(text):
            yield line, text


def _texts(
    node: ast.AST, named: Mapping[str, str], docstrings: set[ast.AST]
) -> Iterator[tuple[int, str]]:
    if node in docstrings:
        return
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        named = _named(ast.walk(node), named)
    if isinstance(node, ast.expr) and not isinstance(node, ast.Name):
        text = _read(node, named)
        if text is not None:
            yield node.lineno, text
    for below in ast.iter_child_nodes(node):
        if not isinstance(node, ast.JoinedStr) or isinstance(below, ast.FormattedValue):
            yield from _texts(below, named, docstrings)


def _read(node: ast.expr, named: Mapping[str, str]) -> str | None:
    """Return the longest text that an expression can be; None where it holds no text."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return named.get(name)
        case ast.JoinedStr(values=parts):
            return "".join(_read(part, named) or _VALUE for part in parts)
        case ast.FormattedValue(value=value):
            return _read(value, named)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            sides = _read(left, named), _read(right, named)
            return None if sides == (None, None) else "".join(side or _VALUE for side in sides)
        case ast.IfExp(body=one, orelse=other):
            return _longest([_read(one, named), _read(other, named)])
        case ast.BoolOp(values=values):
            return _longest([_read(value, named) for value in values])
        case _:
            return None


def _longest(texts: list[str | None]) -> str | None:
    return max((text for text in texts if text is not None), key=_words, default=None)


def _words(text: str) -> int:
    return len(text.split())


def _named(nodes: list[ast.stmt] | Iterator[ast.AST], outer: Mapping[str, str]) -> dict[str, str]:
    """Return the longest text of each name that is assigned here, and the names from outside."""
    found = dict(outer)
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(name := node.targets[0], ast.Name):
            others = {key: text for key, text in found.items() if key != name.id}
            text = _longest([_read(node.value, others), found.get(name.id)])
            if text is not None:
                found[name.id] = text
    return found


def _docstrings(tree: ast.Module) -> set[ast.AST]:
    return {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
    }
