"""The files of the test bed are short, say what they show, and use what the product publishes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.product import ROOT, name_of

FILES = [
    path for folder in ("benchmarks", "tests") for path in sorted((ROOT / folder).rglob("*.py"))
]
# Names that the product keeps to itself and a test needs nevertheless, each with the reason.
PRIVATE = {
    f"codexlab.{name}": why
    for why, names in {
        "a bound that a test makes small, or exceeds by a little": (
            "kernel.cgroup.leaf._SIGNAL_BATCH",
            "rollout.search.match._LINES_AT_ONCE",
            "rollout.search.ordered_pool._KEPT_BYTES",
            "rollout.search.ripgrep_process._MOST_OUTPUT",
            "rollout.search.search._BATCH_FILES",
            "rollout.search.search._WORTH_FORKING",
            "supervisor.records.registry._SLACK",
            "workspace.workdir.make._CHECKOUT_TIMEOUT",
        ),
        "a time that no test can give a file or a clock": ("cli.commands.rollout.list._moment",),
        "a moment between two steps, in which a test acts": (
            "kernel.containment.by_environ._environment",
            "kernel.containment.by_environ._is_in_exec",
            "rollout.search.ordered_pool._Pool",
            "supervisor.run.launch._under_claim",
        ),
        "what a process keeps for its whole life, and each test needs anew": (
            "supervisor.containment.stale_leaves._last_look",
            "supervisor.guardian_client.pool._Guardians",
            "supervisor.guardian_client.pool._guardians_of_host",
        ),
        "the way of an older kernel": ("kernel.process.group._signal_by_number",),
        "the table that the fuzz test draws messages by": ("guardian.codec._DESCRIPTORS",),
    }.items()
    for name in names
}


@pytest.mark.parametrize("folder", ["benchmarks", "tests"])
def test_a_file_is_no_longer_than_a_reader_takes_in_at_once(folder: str) -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in FILES}
    assert {n: c for n, c in lengths.items() if n.startswith(f"{folder}/") and c > 400} == {}


def test_a_file_opens_with_one_sentence_that_says_what_it_shows() -> None:
    assert [name_of(path) for path in FILES if not is_sentence(opening(path))] == []


def opening(path: Path) -> str:
    """Return the first paragraph of a module's docstring."""
    said = ast.get_docstring(ast.parse(path.read_text())) or ""
    return " ".join(said.split("\n\n")[0].split())


def is_sentence(text: str) -> bool:
    """Tell whether this is one sentence, with its full stop."""
    return text.endswith(".") and not re.search(r"[.!?] [A-Z]", text)


def test_only_one_sentence_is_one_sentence() -> None:
    assert is_sentence("What ``tests/a.py`` has is read, e.g. by a person.")
    assert not is_sentence("What it is")
    assert not is_sentence("It is this. It is that.")


def test_a_test_uses_a_name_that_the_product_keeps_to_itself_for_a_reason_only() -> None:
    here = Path(__file__)
    found = {n for path in FILES if path != here for n in private_names(path.read_text())}
    assert found - PRIVATE.keys() == set(), "use what the module publishes"
    assert PRIVATE.keys() - found == set(), "these are gone: take them off the list"


def private_names(source: str) -> Iterator[str]:
    """Yield each private name of the product that a module imports, reads or replaces."""
    tree = ast.parse(source)
    known = dict(imported(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            names = [(known.get(node.value.id), node.attr)]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("setattr"):
            names = [(known.get(ast.unparse(node.args[0])), text_of(node.args[1]))]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = re.findall(r"(\bcodexlab(?:\.\w+)*)\.(_[a-zA-Z]\w*)", node.value)
        else:
            names = [
                (whole.rpartition(".")[0], whole.rpartition(".")[2]) for _, whole in imported(node)
            ]
        for module, name in names:
            if module and re.match(r"_[a-zA-Z]", name):
                yield f"{module}.{name}"


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the names that a module, or one import, takes from the product, and from where."""
    for node in ast.walk(tree) if isinstance(tree, ast.Module) else [tree]:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "codexlab":
            for name in node.names:
                yield name.asname or name.name, f"{node.module}.{name.name}"


def text_of(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ""


@pytest.mark.parametrize(
    "source",
    [
        "from codexlab.a import _x",
        "from codexlab import a\na._x = 1",
        "from codexlab import a as b\nb._x()",
        "from codexlab import a\npatch.setattr(a, '_x', 1)",
        "patch.setattr('codexlab.a._x', 1)",
    ],
)
def test_each_way_to_a_private_name_is_seen(source: str) -> None:
    assert set(private_names(source)) == {"codexlab.a._x"}
