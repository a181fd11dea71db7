"""``codexlab run`` as ``codexlab --help`` and ``codexlab help run`` show it.

The program becomes the launcher before it loads any command (see ``cli.command``).
"""

from __future__ import annotations

import click

from ..launch.flags import options
from ..ui.grouped_help import GroupedHelp


def _refuse(**_: object) -> None:
    """Refuse a call from inside a process that has other work: a launch forks its guardian."""
    raise click.UsageError("a run is launched by the program only: codexlab [-C DIR] run …")


run = GroupedHelp(
    "run",
    context_settings=options.context_settings,
    callback=_refuse,
    params=options.params,
    help=options.help,
    epilog=options.epilog,
    options_metavar=options.options_metavar,
    others=options.others,
)
