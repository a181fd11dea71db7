"""The picture on the page about the architecture is the one that the imports draw."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_page_shows_what_the_imports_are() -> None:
    script = ROOT / "scripts" / "draw_imports.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    page = (ROOT / "docs" / "architecture.md").read_text()
    assert done.stdout.rstrip() in page, "run: python scripts/draw_imports.py --write"
