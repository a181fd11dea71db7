"""A public class of the product has its name alone, so that a reader never takes it for another."""

from __future__ import annotations

import ast
from collections import defaultdict

from support.product import modules, name_of


def test_each_public_class_is_defined_once() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(f"{name_of(path)}:{node.lineno}")
    assert len(places) > 100
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
