"""The pictures on the page about the architecture are those that the code draws."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.product import ROOT


@pytest.mark.parametrize("name", ["draw_imports", "draw_messages"])
def test_the_page_shows_what_the_code_is(name: str) -> None:
    script = ROOT / "scripts" / f"{name}.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    page = (ROOT / "docs" / "architecture.md").read_text()
    assert done.stdout.rstrip() in page, f"run: python scripts/{name}.py --write"
