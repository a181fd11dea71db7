"""List the messages between the processes of a run, from the classes that the code really has.

python scripts/draw_messages.py          print the list
python scripts/draw_messages.py --write  put it into docs/architecture.md
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.drawn_part import DrawnPart

ROOT = Path(__file__).resolve().parents[1]
PART = DrawnPart(
    ROOT / "docs" / "architecture.md", "<!-- messages: drawn -->\n", "<!-- messages: end -->"
)
ROUTES = {
    "Request": "supervisor -> guardian",
    "Reply": "guardian -> supervisor, when asked",
    "Notification": "guardian -> supervisor, unasked",
    "MonitorMessage": "terminal monitor -> guardian",
    "ForkGuardian": "host -> fork server",
    "ForkAnswer": "fork server -> host",
}


def picture() -> str:
    """Return the list as lines of text."""
    module = ast.parse((ROOT / "guardian" / "protocol.py").read_text())
    kinds = {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}
    families = {name: [name] for name in kinds}
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
            (target,) = node.targets
            named = [each.id for each in ast.walk(node.value) if isinstance(each, ast.Name)]
            families[ast.unparse(target)] = [name for name in kinds if name in named]
    missed = (
        set(kinds)
        - {"SpawnSpec", "SpawnStep"}
        - {name for route in ROUTES for name in families[route]}
    )
    assert not missed, f"no route shows {missed}"
    return "\n".join(
        line
        for route, heading in ROUTES.items()
        for line in [heading, *(shown(kinds[name]) for name in families[route]), ""]
    )


def shown(kind: ast.ClassDef) -> str:
    """Return a message on one line: its name, its fields and what it says."""
    named = [each.target for each in kind.body if isinstance(each, ast.AnnAssign)]
    said = (ast.get_docstring(kind) or "").split("\n")[0]
    return f"  {kind.name}({', '.join(map(ast.unparse, named))})\n      {said}"


if __name__ == "__main__":
    PART.print_or_write(f"```\n{picture()}```")
