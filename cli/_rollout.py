"""``codexlab rollout``: find, read and look after transcripts."""

from __future__ import annotations

import click

from ._rollout_list import list_command
from ._rollout_search import search
from ._rollout_show import show
from ._rollout_write import COMMANDS as _WRITING

_READING: tuple[click.Command, ...] = (list_command, search, show)


@click.group()
def rollout() -> None:
    """Transcripts: list, show, search, compress, verify; plain and compressed alike."""


for _command in (*_READING, *_WRITING):
    rollout.add_command(_command)
