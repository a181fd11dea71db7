"""The pictures and lists on pages that scripts draw are those of the code."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.product import ROOT


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("draw_imports", "architecture"),
        ("draw_messages", "architecture"),
        ("draw_settings", "settings"),
    ],
)
def test_the_page_shows_what_the_code_is(name: str, page: str) -> None:
    script = ROOT / "scripts" / f"{name}.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    text = (ROOT / "docs" / f"{page}.md").read_text()
    assert done.stdout.rstrip() in text, f"run: python scripts/{name}.py --write"
