"""``codexlab completion``: teach a shell to complete both programs."""

from __future__ import annotations

import os

import click

from ..launch.flags import options
from ..ui.completion import SHELLS, script_for


@click.command("completion")
@click.argument("shell", required=False, type=click.Choice(list(SHELLS)))
def completion(shell: str | None) -> None:
    """Print the lines that teach a shell to complete codexlab and codexlab-run.

    \b
    bash: source <(codexlab completion bash)      in ~/.bashrc
    zsh:  source <(codexlab completion zsh)       in ~/.zshrc, after compinit
    fish: codexlab completion fish | source       in ~/.config/fish/config.fish

    Without SHELL it is the shell that $SHELL names.
    """  # noqa: D301 - click takes the character itself for "do not rewrap"
    chosen = shell or os.path.basename(os.environ.get("SHELL", ""))
    if chosen not in SHELLS:
        raise click.UsageError(f"SHELL {chosen!r}: expected bash, zsh or fish")
    group = click.get_current_context().find_root().command
    for command, program in ((group, "codexlab"), (options, "codexlab-run")):
        click.echo(script_for(chosen, command, program))
