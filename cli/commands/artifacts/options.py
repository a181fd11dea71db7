"""The options that several of the artifacts commands take."""

from __future__ import annotations

import click

from ....env.artifact_root import ARTIFACT_ROOT_VARIABLE
from ....env.cargo import CargoScope
from ...ui.non_empty import NON_EMPTY_TEXT

root_option = click.option(
    "--root",
    type=NON_EMPTY_TEXT,
    metavar="DIR",
    help=f"The artifact root; default {ARTIFACT_ROOT_VARIABLE}.",
)
scope_option = click.option(
    "--scope",
    type=NON_EMPTY_TEXT,
    default=CargoScope.SHARED,
    show_default=True,
    metavar="|".join(scope for scope in CargoScope if scope is not CargoScope.OFF),
    help="The users of one cargo target.",
)
key_option = click.option(
    "--key", type=NON_EMPTY_TEXT, metavar="KEY", help="Key of the scopes worktree and agent."
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
