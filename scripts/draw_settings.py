"""List the settings of a launch, from the rows of their table.

python scripts/draw_settings.py          print the list
python scripts/draw_settings.py --write  put it into docs/settings.md
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codexlab.cli.launch.options import default_of, help_text
from codexlab.supervisor.settings.table import FLAG, PROJECT, SETTINGS, Setting
from scripts.drawn_part import DrawnPart

PART = DrawnPart(
    Path(__file__).resolve().parents[1] / "docs" / "settings.md",
    "<!-- settings: drawn -->\n",
    "<!-- settings: end -->",
)
HEAD = "| Key | Flag | Variable | Default | Project file | |\n|---|---|---|---|---|---|"


def picture() -> str:
    """Return a table for each group, in the order in which the rows name the groups."""
    groups = dict.fromkeys(row.group for row in SETTINGS)
    return "\n\n".join(
        "\n".join(
            [f"### {group}", "", HEAD, *(shown(row) for row in SETTINGS if row.group == group)]
        )
        for group in groups
    )


def shown(row: Setting) -> str:
    """Return a setting as a row of its group's table."""
    said, _, default = help_text(row).partition(" Default: ")
    cells = (
        f"`{row.name}`",
        spelled(row) if FLAG in row.sources else "none",
        f"`{row.variable}`",
        default.rstrip(".") or default_of(row),
        "yes" if PROJECT in row.sources else "no",
        f"{said} Old name, for one version more: `{row.old}`." if row.old else said,
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def spelled(row: Setting) -> str:
    """Return a flag with its short form and its placeholder."""
    value = row.metavar or row.kind.metavar
    long = f"{row.flag}[={value}]" if row.bare else f"{row.flag} {value}".rstrip()
    return f"`{row.short}` `{long}`" if row.short else f"`{long}`"


if __name__ == "__main__":
    PART.print_or_write(picture())
