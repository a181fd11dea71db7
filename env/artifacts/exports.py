"""Exports that a shell can source: bash, zsh and fish."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from ...kernel.errors import CallerError

# Shells that know no "export NAME='value'".
_OF_THEIR_OWN = frozenset({"csh", "tcsh", "nu", "elvish", "xonsh", "pwsh", "rc", "es"})


class Shell(StrEnum):
    """A shell that exports are written for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


class ShellError(CallerError):
    """A shell that codexlab writes no exports for."""

    def __init__(self, shell: str, source: str = "--shell") -> None:
        self.shell = shell
        expected = f"expected one of {', '.join(Shell)}"
        remedy = "" if source == "--shell" else "; choose one with --shell"
        super().__init__(f"{source} {shell!r}: {expected}{remedy}")


def shell_of(path: str) -> Shell:
    """Return the shell that ``$SHELL`` names; bash also for what reads the same lines.

    :raises ShellError: that shell cannot read any of our lines.
    """
    name = path.rsplit("/", 1)[-1]
    if name in _OF_THEIR_OWN:
        raise ShellError(name, "$SHELL")
    try:
        return Shell(name)
    except ValueError:
        return Shell.BASH


def choose_shell(given: str | None, users: str) -> Shell:
    """Return the shell that exports are for.

    :param given: what ``--shell`` says, if it says anything.
    :param users: the value of ``$SHELL``.
    :raises ShellError: codexlab writes no exports for this shell.
    """
    if given is None:
        return shell_of(users)
    try:
        return Shell(given)
    except ValueError:
        raise ShellError(given) from None


def render_exports(shell: Shell, variables: Mapping[str, str], removed: Iterable[str]) -> str:
    """Write lines that set and unset variables when sourced.

    :param variables: names are identifiers; values may be any text without NUL.

    Sourcing the lines twice is the same as once; they print nothing and run nothing.
    """
    fish = shell is Shell.FISH
    unset = "set -e {};" if fish else "unset {}"
    export = "set -gx {} {};" if fish else "export {}={}"
    quote = _quote_fish if fish else _quote_posix
    lines = [unset.format(name) for name in sorted(set(removed) - variables.keys())]
    lines += [export.format(name, quote(value)) for name, value in sorted(variables.items())]
    return "".join(f"{line}\n" for line in lines)


def _quote_posix(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


def _quote_fish(value: str) -> str:
    r"""Quote for fish: inside single quotes it undoes ``\'`` and ``\\`` and nothing else."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
