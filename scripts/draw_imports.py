"""Draw the packages and their parts from the imports that the code really has.

    python scripts/draw_imports.py          print the picture
    python scripts/draw_imports.py --write  put it into docs/architecture.md

A part stands above every part that it imports, wherever in a module the import stands.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.product import PACKAGES, ROOT, imported_by, modules

from scripts.drawn_part import DrawnPart

PART = DrawnPart(
    ROOT / "docs" / "architecture.md", "<!-- imports: drawn -->\n", "<!-- imports: end -->"
)
Arrows = dict[str, set[str]]


def picture() -> str:
    """Return the picture as lines of text."""
    arrows = between_parts()
    blocks = [between_packages(arrows)]
    blocks += [floors(package, arrows) for package in PACKAGES]
    return "\n".join(block for block in blocks if block)


def between_packages(arrows: Arrows) -> str:
    """Return a line for each package: the packages that it imports."""
    lines: list[str] = []
    for package in PACKAGES:
        targets = {
            top(target) for part in arrows if top(part) == package for target in arrows[part]
        }
        below = [name for name in PACKAGES if name in targets - {package}]
        lines.append(f"{package:<11} -> {' '.join(below) or 'nothing of ours'}")
    return "\n".join(lines) + "\n"


def floors(package: str, arrows: Arrows) -> str:
    """Return the parts of a package, a line for each floor, the highest first."""
    parts = {part for part in arrows if top(part) == package and part != package}
    inner = {part: arrows[part] & parts for part in parts}
    level: dict[str, int] = {}

    def height(part: str, above: tuple[str, ...] = ()) -> int:
        if part in above:
            raise SystemExit(f"a circle of imports: {' -> '.join((*above, part))}")
        if part not in level:
            level[part] = 1 + max((height(low, (*above, part)) for low in inner[part]), default=0)
        return level[part]

    rows: dict[int, list[str]] = {}
    for part in sorted(parts):
        rows.setdefault(height(part), []).append(shown(part))
    lines = [f"  {number:>2}  {'  '.join(rows[number])}" for number in sorted(rows, reverse=True)]
    return "\n".join([package, *lines, ""]) if len(parts) > 1 else ""


def between_parts() -> Arrows:
    """Return which parts each part imports, its own modules left out."""
    arrows: Arrows = {}
    for package in PACKAGES:
        for path in modules(package):
            found = arrows.setdefault(part_of(path), set())
            found |= {part_of(target) for target in imported_by(path)}
    return {part: targets - {part} for part, targets in arrows.items()}


def part_of(path: Path) -> str:
    """Return the folder below a package that a file lies in, or the file itself."""
    package, *rest = path.relative_to(ROOT).with_suffix("").parts
    return package if rest in ([], ["__init__"]) else f"{package}/{rest[0]}"


def top(part: str) -> str:
    """Return the package of a part."""
    return part.split("/")[0]


def shown(part: str) -> str:
    """Return a part's name; a folder's ends with a slash."""
    name = part.split("/", 1)[1]
    return f"{name}/" if (ROOT / part).is_dir() else name


if __name__ == "__main__":
    PART.print_or_write(f"```\n{picture()}```")
