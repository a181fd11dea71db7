"""Which agent a command runs: by its own name, as a package, or through known runners.

Pure: it reads only the words, and looks nothing up on disk. A shell (``sh -c …``) and programs that
change the user (sudo) are not looked through: there ``--agent`` decides.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

from ..kernel.values import frozen
from .agent_name import AgentName
from .registry import ROWS

# Runners within runners; a command is finite, and nobody nests more than two or three.
_DEPTH = 8


@frozen
class Agent:
    """An agent found in a command.

    :param words: the agent's own words, from its name on, without those of its runner.
    """

    name: AgentName
    words: tuple[str, ...]


@frozen
class _Runner:
    """A program that runs the command it is given.

    :param verbs: one of these words comes first; empty: no such word.
    :param valued: options that take the next word as their value.
    :param operands: how many words of its own stand before the command.
    :param assigns: ``NAME=VALUE`` may stand before the command.
    :param dashes: the command begins after ``--``; all words before it are skipped.
    :param opaque: options after which nothing can be told from the words.
    """

    verbs: tuple[str, ...] = ()
    valued: frozenset[str] = frozenset()
    operands: int = 0
    assigns: bool = False
    dashes: bool = False
    opaque: frozenset[str] = frozenset()


def _options(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NPM = _options("-p --package -w --workspace --registry --cache --prefix --userconfig")
_CALL = _options("-c --call")
_NODE = _options("-r --require --import --loader --experimental-loader -C --conditions")
_UV = _options("--from --with -p --python --directory --project --index --env-file --extra --group")

_RUNNERS: dict[str, tuple[_Runner, ...]] = {
    "env": (
        _Runner(
            valued=_options("-u --unset -C --chdir"),
            assigns=True,
            opaque=_options("-S --split-string"),
        ),
    ),
    "timeout": (_Runner(valued=_options("-k --kill-after -s --signal"), operands=1),),
    "nice": (_Runner(valued=_options("-n --adjustment")),),
    "ionice": (_Runner(valued=_options("-c --class -n --classdata")),),
    "chrt": (
        _Runner(
            valued=_options("-T --sched-runtime -P --sched-period -D --sched-deadline"), operands=1
        ),
    ),
    "taskset": (_Runner(operands=1),),
    "nohup": (_Runner(),),
    "setsid": (_Runner(),),
    "stdbuf": (_Runner(valued=_options("-i --input -o --output -e --error")),),
    "time": (_Runner(valued=_options("-f --format -o --output")),),
    "prlimit": (_Runner(),),
    "unbuffer": (_Runner(),),
    "chronic": (_Runner(),),
    "dbus-run-session": (_Runner(valued=_options("--config-file --dbus-daemon")),),
    "xvfb-run": (_Runner(valued=_options("-e -f -n -p -s -w --server-num --server-args")),),
    "npx": (_Runner(valued=_NPM, opaque=_CALL),),
    "pnpx": (_Runner(valued=_NPM, opaque=_CALL),),
    "npm": (_Runner(verbs=("exec", "x"), valued=_NPM, opaque=_CALL),),
    "pnpm": (
        _Runner(verbs=("dlx", "exec"), valued=_options("--package -C --dir"), opaque=_CALL),
        _Runner(valued=_options("-C --dir")),
    ),
    "yarn": (_Runner(verbs=("dlx", "exec", "run"), valued=_options("-p --package")), _Runner()),
    "bunx": (_Runner(valued=_options("-p --package")),),
    "bun": (_Runner(verbs=("x", "run"), valued=_options("-p --package -r --preload")), _Runner()),
    "deno": (_Runner(verbs=("run",), valued=_options("-c --config --import-map")),),
    "node": (_Runner(valued=_NODE, opaque=_options("-e --eval -p --print")),),
    "nodejs": (_Runner(valued=_NODE, opaque=_options("-e --eval -p --print")),),
    "uvx": (_Runner(valued=_UV),),
    "uv": (_Runner(verbs=("run",), valued=_UV),),
    "pipx": (_Runner(verbs=("run",), valued=_options("--spec --python --pip-args")),),
    "poetry": (_Runner(verbs=("run",)),),
    "pixi": (_Runner(verbs=("run",), valued=_options("-e --environment --manifest-path")),),
    "volta": (_Runner(verbs=("run",), valued=_options("--node --npm --pnpm --yarn")),),
    "asdf": (_Runner(verbs=("exec",)),),
    "direnv": (_Runner(verbs=("exec",), operands=1),),
    "mise": (_Runner(verbs=("exec", "x"), dashes=True),),
    "fnm": (_Runner(verbs=("exec",), dashes=True), _Runner(verbs=("exec",))),
    "op": (_Runner(verbs=("run",), dashes=True),),
    "doppler": (_Runner(verbs=("run",), dashes=True),),
    "dotenvx": (_Runner(verbs=("run",), dashes=True),),
    "aws-vault": (_Runner(verbs=("exec",), dashes=True),),
}
"""The runners that are looked through; a program with several forms has a row for each."""

# They start what they find on PATH, and their place or limits are of one run.
_SURROUNDING = _options(
    "env timeout nice ionice chrt taskset nohup setsid stdbuf time prlimit unbuffer chronic"
    " dbus-run-session xvfb-run"
)

_PACKAGES: dict[str, AgentName] = {package: row.name for row in ROWS for package in row.packages}
_PACKAGE = r"(?:npm:)?(@?[^@]+)(?:@[^/]*)?"
_ASSIGNMENT = r"[A-Za-z_][A-Za-z0-9_]*="


def find_agent(command: Sequence[str]) -> Agent | None:
    """Return the agent that a command runs, or None where no word says so."""
    for start in _starts(command):
        name = _agent_named(command[start])
        if name is not None:
            return Agent(name, _own_words(command, start))
    return None


def _starts(command: Sequence[str]) -> Iterator[int]:
    """Yield where the command begins, then where each command begins that a runner runs."""
    start: int | None = 0
    for _ in range(_DEPTH):
        if start is None or start >= len(command):
            return
        yield start
        start = _command_of_runner(command, start)


def program_words(command: Sequence[str]) -> tuple[str, ...]:
    """Return the words that start an agent, without its arguments: ``npx @openai/codex``.

    What only surrounds the agent is left out: a time limit, or a variable whose value may be
    masked.

    :returns: nothing where no agent is recognised.
    """
    first = 0
    for start in _starts(command):
        if _agent_named(command[start]) is not None:
            parted = start > first and tuple(command[start + 1 : start + 2]) == ("--",)
            return tuple(command[first : start + 1 + parted])
        if os.path.basename(command[start]) in _SURROUNDING:
            first = _command_of_runner(command, start) or first
    return ()


def own_words(command: Sequence[str]) -> tuple[str, ...]:
    """Return the agent's own words of a command; all of them where none is recognised."""
    found = find_agent(command)
    return tuple(command) if found is None else found.words


def detect_agent(command: Sequence[str]) -> AgentName:
    """Return the agent that a command runs, or generic."""
    found = find_agent(command)
    return AgentName.GENERIC if found is None else found.name


def _agent_named(word: str) -> AgentName | None:
    if word.removeprefix("npm:").startswith("@"):
        return _package_named(word)  # a scope is no directory
    name = os.path.basename(word)
    for suffix in (".js", ".exe"):
        name = name.removesuffix(suffix)
    for row in ROWS:
        if name == row.name or (row.pattern and re.fullmatch(row.pattern, word)):
            return row.name
    return _package_named(word)


def _package_named(word: str) -> AgentName | None:
    """Name the agent of a package, or of a script that lies in one."""
    spec = re.fullmatch(_PACKAGE, word)
    if spec is not None and spec[1] in _PACKAGES:
        return _PACKAGES[spec[1]]
    if not word.endswith((".js", ".cjs", ".mjs")):
        return None
    return next((_PACKAGES[name] for name in _PACKAGES if f"/{name}/" in word), None)


def _own_words(command: Sequence[str], start: int) -> tuple[str, ...]:
    """Leave out the ``--`` with which npm exec parts its own options from the command's."""
    words = tuple(command[start:])
    is_parted = start > 0 and words[1:2] == ("--",)
    return (words[0], *words[2:]) if is_parted else words


def _command_of_runner(command: Sequence[str], start: int) -> int | None:
    """Return where the command begins that a runner runs, or None."""
    for runner in _RUNNERS.get(os.path.basename(command[start]), ()):
        first = start + 1
        if runner.verbs:
            if first >= len(command) or command[first] not in runner.verbs:
                continue
            first += 1
        found = _skip(runner, command, first)
        if found is not None:
            return found
    return None


def _skip(runner: _Runner, command: Sequence[str], at: int) -> int | None:
    """Return the first word that is neither the runner's option, value nor operand."""
    if runner.dashes:
        return next((i + 1 for i in range(at, len(command)) if command[i] == "--"), None)
    operands = runner.operands
    is_option_place = True
    while at < len(command):
        word = command[at]
        if is_option_place and word == "--":
            is_option_place = False
        elif is_option_place and word.startswith("-"):
            if word.partition("=")[0] in runner.opaque:
                return None
            at += word in runner.valued
        elif runner.assigns and re.match(_ASSIGNMENT, word):
            pass
        elif operands:
            operands -= 1
        else:
            return at
        at += 1
    return None
