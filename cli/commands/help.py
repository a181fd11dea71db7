"""``codexlab help``: show the help of a command."""

from __future__ import annotations

import click


@click.command("help")
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def help_command(context: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of a command, as its --help does."""
    place = context.parent or context
    for word in words:
        if not isinstance(place.command, click.Group):
            raise click.UsageError(f"{place.command_path} has no commands", place)
        name, command, _ = place.command.resolve_command(place, [word])
        assert command is not None  # click raises where there is none
        place = click.Context(command, place, name)
    click.echo(place.get_help())
