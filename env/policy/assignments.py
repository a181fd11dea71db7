"""NAME=VALUE, from a flag or line by line from a file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from ...kernel.files.small_file import read_small_file
from ..errors import AssignmentError, EnvFileError
from .values import Assignments

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_LIMIT = 1 << 20
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def parse_assignment(text: str, where: str = "--set") -> tuple[str, str]:
    """Split ``NAME=VALUE``; the value is everything after the first ``=``, as it stands.

    :param where: how the error names the place.
    :raises AssignmentError: no ``=``, a name that no shell could use, or a NUL.
    """
    name, separator, value = text.partition("=")
    if not separator:
        raise AssignmentError(where, f"no '=' after {name}" if is_variable_name(name) else "no '='")
    if not is_variable_name(name):
        raise AssignmentError(where, "the part before '=' is not a variable name")
    if "\0" in value:
        raise AssignmentError(where, f"the value of {name} holds a NUL byte")
    return name, value


def parse_env_file(path: str | os.PathLike[str]) -> Assignments:
    r"""Read ``NAME=VALUE`` lines.

    Blank lines, lines that begin with ``#`` and a leading ``export`` are skipped. ``'…'`` is taken
    literally. In ``"…"`` the escapes ``\n \t \r`` and a backslash before any other character are
    undone. Any other value is taken as it stands, without blanks at its end. Nothing is expanded,
    and a quoted value ends on its own line. If two lines have the same name, the last wins.

    A pipe is read to its end, as in ``--env-file <(…)``.

    :raises EnvFileError: unreadable, a terminal, a named pipe without a writer, over 1 MiB, not
        UTF-8 text, or another kind of line.
    """
    name = os.fspath(path)
    lines = _read_text(name).split("\n")
    values: dict[str, str] = {}
    for number, line in _meaningful(lines):
        key, separator, rest = line.partition("=")
        if not separator or not is_variable_name(key.rstrip()):
            raise EnvFileError(name, number, "not an assignment")
        values[key.rstrip()] = _unquote(rest.strip(), name, number)
    return tuple(values.items())


def is_variable_name(text: str) -> bool:
    """Tell whether a shell could use this as the name of a variable."""
    return re.fullmatch(_NAME, text) is not None


def _read_text(path: str) -> str:
    try:
        data = read_small_file(path, _LIMIT)
    except OSError as error:
        raise EnvFileError(path, None, error.strerror or "unreadable") from None
    if len(data) > _LIMIT:
        raise EnvFileError(path, None, "larger than 1 MiB")
    if b"\0" in data:
        raise EnvFileError(path, data[: data.index(b"\0")].count(b"\n") + 1, "a NUL byte")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise EnvFileError(path, line, "not UTF-8 text") from None


def _meaningful(lines: list[str]) -> Iterator[tuple[int, str]]:
    for number, raw in enumerate(lines, start=1):
        line = raw.strip()
        if line and not line.startswith("#"):
            yield number, re.sub(r"^export\s+", "", line)


def _unquote(text: str, path: str, line: int) -> str:
    quote = text[:1]
    if quote not in ("'", '"'):
        return text
    if quote == "'":
        match = re.fullmatch(r"'([^']*)'(?:\s+#.*)?", text)
        if match is None:
            raise EnvFileError(path, line, "text after or no closing quote")
        return match.group(1)
    match = re.fullmatch(r'"((?:[^"\\]|\\.)*)"(?:\s+#.*)?', text)
    if match is None:
        raise EnvFileError(path, line, "text after or no closing quote")
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m.group(1), m.group(1)), match.group(1))
