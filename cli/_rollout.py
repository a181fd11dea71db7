"""``codexlab rollout``: find, read and look after transcripts."""

from __future__ import annotations

import click

from ._rollout_list import list_command

_READING: tuple[click.Command, ...] = (list_command,)


@click.group()
def rollout() -> None:
    """Transcripts: list, show, search, compress, verify; plain and compressed alike."""


for _command in _READING:
    rollout.add_command(_command)
