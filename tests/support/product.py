"""The files of the product, and which of them a module imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
"""The checkout."""

PACKAGES: Final = (
    "cli", "supervisor", "env", "workspace", "rollout", "guardian", "agents", "kernel",
)  # fmt: skip
"""The packages of the product, the highest first."""


def modules(*packages: str) -> list[Path]:
    """Return the files of these packages, or of all, in the order of their names."""
    return [path for name in packages or PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]


def name_of(path: Path) -> str:
    """Return a file's path below the checkout."""
    return path.relative_to(ROOT).as_posix()


def imported_by(path: Path) -> Iterator[Path]:
    """Yield the files of the product that a module of it imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            if base.with_suffix(".py").exists():
                yield base.with_suffix(".py")
                continue
            for name in node.names:
                module = base / f"{name.name}.py"
                yield module if module.exists() else base / "__init__.py"
