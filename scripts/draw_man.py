"""Write the manual pages of both programs, from the texts of their ``--help``.

python scripts/draw_man.py DIR   write codexlab.1 and codexlab-run.1 there (docs/man is in use)
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codexlab.cli.launch.flags import options
from codexlab.cli.main import group
from codexlab.cli.ui.lazy_group import LazyGroup


def page(command: click.Command, program: str, other: str) -> str:
    """Return a manual page in man(7)'s language."""
    context = click.Context(command, info_name=program, **command.context_settings)
    lines = [
        f'.TH {program.upper()} 1 "" codexlab "User Commands"',
        ".SH NAME",
        f"{escaped(program)} \\- {escaped(first_sentence(command))}",
        ".SH SYNOPSIS",
        synopsis(command, context),
        ".SH DESCRIPTION",
        *described(command),
        *listed_options(command, context, ".SH"),
    ]
    if isinstance(command, LazyGroup):
        for heading, names in command.headings.items():
            lines += [f".SH {heading.upper()}", *commands(command, names, context)]
    if command.epilog:
        lines += [".SH NOTES", escaped(command.epilog)]
    return "\n".join([*once(lines), ".SH SEE ALSO", f".BR {escaped(other)} (1)", ""])


def commands(group: click.Group, names: Iterable[str], context: click.Context) -> Iterator[str]:
    """Yield a part for each of these commands, and those of its own commands after it."""
    for name in names:
        command = group.get_command(context, name)
        assert command is not None
        below = click.Context(command, parent=context, info_name=name)
        yield f'.SS "{escaped(below.command_path)}"'
        if name == "run":
            yield from ("The same as", ".BR codexlab\\-run (1).")
            continue
        yield from (synopsis(command, below), ".PP", *described(command))
        yield from listed_options(command, below, ".PP")
        if isinstance(command, click.Group):
            yield from commands(command, command.list_commands(below), below)


def once(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines without a paragraph that is empty."""
    before = ""
    for line in lines:
        if line != ".PP" or before != ".PP":
            yield line
        before = line


def synopsis(command: click.Command, context: click.Context) -> str:
    """Return the line that says how a command is typed."""
    pieces = " ".join(command.collect_usage_pieces(context))
    return f".B {escaped(context.command_path)}\n{escaped(pieces)}"


def described(command: click.Command) -> Iterator[str]:
    """Yield a command's help; paragraphs that are not to be filled stay as they are."""
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(command.help or "").strip()):
        if paragraph.startswith("\b"):
            yield from (".nf", *map(escaped, paragraph.splitlines()[1:]), ".fi", ".PP")
        else:
            yield from (escaped(" ".join(paragraph.split())), ".PP")


def first_sentence(command: click.Command) -> str:
    """Return the first sentence of a command's help."""
    paragraph = " ".join(re.split(r"\n\s*\n", inspect.cleandoc(command.help or ""))[0].split())
    return re.split(r"(?<=[.:])\s", paragraph)[0].rstrip(".:")


def listed_options(command: click.Command, context: click.Context, heading: str) -> Iterator[str]:
    """Yield the options by their groups, each with its text."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for each in command.get_params(context):
        if not isinstance(each, click.Option) or (context.parent and each.name == "help"):
            continue
        if record := each.get_help_record(context):
            groups.setdefault(getattr(each, "group", "Options"), []).append(record)
    for name, rows in groups.items():
        if heading == ".SH":
            yield f".SH {escaped(name).upper()}"
        else:
            yield from (heading, f"{escaped(name)}:")
        for names, text in rows:
            yield from (".TP", f".B {escaped(names)}", escaped(text) or "\\&")


def escaped(text: str) -> str:
    """Return a text that troff shows as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    place = Path(sys.argv[1])
    (place / "codexlab.1").write_text(page(group, "codexlab", "codexlab-run"))
    (place / "codexlab-run.1").write_text(page(options, "codexlab-run", "codexlab"))
