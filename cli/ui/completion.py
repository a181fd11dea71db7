"""Completion in shells: the protocol of click, and the scripts that a shell reads."""

from __future__ import annotations

from collections.abc import Mapping

import click
from click.shell_completion import (
    BashComplete,
    FishComplete,
    ShellComplete,
    ZshComplete,
)

SHELLS: Mapping[str, type[ShellComplete]] = {
    "bash": BashComplete,
    "zsh": ZshComplete,
    "fish": FishComplete,
}


def variable_of(program: str) -> str:
    """Return the environment variable by which a shell asks a program."""
    return f"_{program.replace('-', '_').upper()}_COMPLETE"


def script_for(shell: str, command: click.Command, program: str) -> str:
    """Return the lines that teach a shell to complete a program."""
    # click asks the bash on the search path for its version; a person's bash is new enough.
    completion = SHELLS[shell](command, {}, program, variable_of(program))
    return completion.source_template % completion.source_vars()


def answer(command: click.Command, program: str, question: str) -> int:
    """Write what may stand at the cursor; the shell passes the line in its variables.

    :param question: the variable's value, as in ``bash_complete``.
    :returns: the exit status.
    """
    shell, _, what = question.partition("_")
    if shell not in SHELLS or what != "complete":
        return 1
    click.echo(SHELLS[shell](command, {}, program, variable_of(program)).complete())
    return 0
