"""The folders, the links, the build table and the spelling of imports agree."""

import ast
import os
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("cli", "env", "kernel", "rollout", "supervisor", "workspace")
BUILD = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
MODULES = [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]


def test_every_package_is_linked_into_the_import_root() -> None:
    for name in PACKAGES:
        assert os.readlink(ROOT / "src" / "codexlab" / name) == f"../../{name}"


def test_the_import_root_holds_nothing_else() -> None:
    held = {path.name for path in (ROOT / "src" / "codexlab").iterdir()} - {"__pycache__"}
    assert held == {*PACKAGES, "__init__.py", "py.typed"}


def test_wheel_and_sdist_carry_every_package() -> None:
    assert set(PACKAGES) <= set(BUILD["targets"]["wheel"]["only-include"])
    assert set(PACKAGES) <= set(BUILD["targets"]["sdist"]["only-include"])
    sources = BUILD["targets"]["wheel"]["sources"]
    assert sources == {
        **{name: f"codexlab/{name}" for name in PACKAGES},
        "src/codexlab": "codexlab",
    }


def test_env_is_not_ignored_by_git() -> None:
    patterns = (ROOT / ".gitignore").read_text().splitlines()
    assert not {"env", "env/", "/env", "/env/"} & set(patterns)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_are_underscored_and_documented(path: Path) -> None:
    public = {"__init__.py"}
    assert path.name.startswith("_") or path.name in public
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_product_imports_itself_by_relative_names_only(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert (node.module or "").split(".")[0] not in {"codexlab", *PACKAGES}
        if isinstance(node, ast.Import):
            assert not {name.name.split(".")[0] for name in node.names} & {"codexlab", *PACKAGES}


def test_tests_import_the_product_by_its_installed_name() -> None:
    # From the root `import env` would work too, as a second module of the same file.
    spelled = re.compile(rf"^\s*(?:from|import) (?:{'|'.join(PACKAGES)})\b", re.MULTILINE)
    for path in (ROOT / "tests").rglob("*.py"):
        assert not spelled.search(path.read_text()), path
