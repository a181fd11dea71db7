"""The part of a page that a script draws: print it, or put it between its two marks."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DrawnPart:
    """What stands between two marks of a page."""

    page: Path
    begin: str
    end: str

    def print_or_write(self, drawn: str) -> None:
        """Print the part; with ``--write`` put it into the page."""
        if sys.argv[1:] != ["--write"]:
            print(drawn)
            return
        between = f"{re.escape(self.begin)}.*{re.escape(self.end)}"
        new = f"{self.begin}{drawn}\n{self.end}"
        self.page.write_text(re.sub(between, lambda _: new, self.page.read_text(), flags=re.DOTALL))
