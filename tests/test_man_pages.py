"""The manual pages are those of the commands, and man shows them without complaint."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.product import ROOT

PAGES = ("codexlab.1", "codexlab-run.1")


def test_the_pages_say_what_help_says(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "scripts" / "draw_man.py", tmp_path], check=True)
    for page in PAGES:
        drawn, kept = (tmp_path / page).read_text(), (ROOT / "docs" / "man" / page).read_text()
        assert drawn == kept, "run: python scripts/draw_man.py docs/man"


@pytest.mark.parametrize("page", PAGES)
def test_man_shows_a_page_in_whole_lines(page: str) -> None:
    if shutil.which("groff") is None:
        pytest.skip("no groff here")
    plain = ["-P-c", "-P-b", "-P-o", "-P-u"]
    words = ["groff", "-man", "-Tutf8", "-ww", *plain, str(ROOT / "docs" / "man" / page)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "SYNOPSIS" in done.stdout
