"""What a package publishes is what its ``__all__`` says, sorted, and really there."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("cli", "env", "kernel", "rollout", "supervisor", "workspace")


@pytest.mark.parametrize("name", PACKAGES)
def test_all_names_exist(name: str) -> None:
    package = import_module(f"codexlab.{name}")
    assert package.__all__
    for public in package.__all__:
        assert getattr(package, public) is not None


@pytest.mark.parametrize("name", PACKAGES)
def test_all_is_sorted_as_ruff_sorts_it_and_has_no_duplicates(name: str) -> None:
    names = import_module(f"codexlab.{name}").__all__

    def kind(public: str) -> int:
        return 0 if public.isupper() else 1 if public[0].isupper() else 2

    assert list(names) == sorted(set(names), key=lambda public: (kind(public), public))


@pytest.mark.parametrize("name", PACKAGES)
def test_other_packages_use_the_public_surface_only(name: str) -> None:
    for path in (ROOT / name).rglob("*.py"):
        depth = len(path.relative_to(ROOT / name).parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == depth + 1 and node.module:
                package, *inner = node.module.split(".")
                assert not any(part.startswith("_") for part in inner), (path, node.module)
                assert package in PACKAGES
