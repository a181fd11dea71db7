"""Values that must never be written down, found in environments and in logins."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import cast

from .names import looks_secret, secret_assignments

SHORTEST = 8
"""Bytes below which a value is too common to be replaced in a log."""

_URL_LOGIN = rb"[A-Za-z][A-Za-z0-9+.\-]*://[^/?#\s:@]*:([^/?#\s@]+)@"
_URL_TOKEN = rb"[A-Za-z][A-Za-z0-9+.\-]*://([^/?#\s:@]{20,})@"
_LONG_STRING = rb'"([^"\\\s]{20,})"'
_PEM_LINE = rb"[A-Za-z0-9+/=]{16,}"


def known_secrets(
    parent: Mapping[str, str],
    child: Mapping[str, str],
    *logins: bytes,
    dotenv: bytes | None = None,
) -> tuple[bytes, ...]:
    """Return every value to mask, longest first.

    :param parent: the caller's environment; :param child: the agent's.
    :param logins: content of the shared ``auth.json`` and ``.credentials.json``.
    :param dotenv: content of the shared ``.env``, which codex loads by itself.
    :returns: values of at least 8 bytes with secret-looking names; lines inside values that assign
        such names; passwords in URLs; tokens of the logins. A plain path in a ``…_FILE``,
        ``…_DIR``, ``…_PATH`` or ``…_SOCK`` is not secret.
    """
    found: set[bytes] = set()
    for environment in (parent, child, _assigned(dotenv or b"")):
        for name, value in environment.items():
            found.update(_secrets_of(name, value))
    for login in logins:
        found.update(_tokens(login))
    return tuple(sorted(filter(_maskable, found), key=lambda value: (-len(value), value)))


def _assigned(dotenv: bytes) -> dict[str, str]:
    """Return the values that the lines of a ``.env`` set, without quotes around them."""
    pairs = (os.fsdecode(line).partition("=") for line in dotenv.splitlines())
    return {
        name.removeprefix("export ").strip(): value.strip().strip("\"'") for name, _, value in pairs
    }


def _maskable(value: bytes) -> bool:
    return len(value) >= SHORTEST


def _secrets_of(name: str, value: str) -> Iterator[bytes]:
    data = os.fsencode(value)
    if _is_secret_variable(name) and not _is_path(name, value):
        yield data.strip()
        yield from _lines(data)
    if "\n" in value:
        yield from map(os.fsencode, secret_assignments(value))
    if b"://" in data:
        yield from _url_passwords(data)


@lru_cache(maxsize=1024)
def _is_secret_variable(name: str) -> bool:
    """Judge the name of a variable: a run asks for each one several times."""
    return looks_secret(name)


def _is_path(name: str, value: str) -> bool:
    return name.upper().endswith(("FILE", "DIR", "PATH", "SOCK", "HOME")) and value.startswith("/")


def _lines(data: bytes) -> Iterator[bytes]:
    """Lines of a key in PEM form: tools print them indented, one by one."""
    if b"\n" in data:
        yield from (
            line for raw in data.splitlines() if re.fullmatch(_PEM_LINE, line := raw.strip())
        )


def _url_passwords(data: bytes) -> Iterator[bytes]:
    """Passwords as written and decoded; a short one only together with its user name."""
    for match in re.finditer(_URL_LOGIN, data):
        password = match.group(1)
        if len(password) >= SHORTEST:
            yield password
            yield _unquote(password)
        else:
            yield match.group(0)
    for match in re.finditer(_URL_TOKEN, data):
        yield match.group(1)


def _unquote(text: bytes) -> bytes:
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda match: bytes.fromhex(match[1].decode()), text)


def _tokens(auth_json: bytes) -> Iterator[bytes]:
    """Yield values of names that look secret; from a file that is no JSON, every long string."""
    try:
        document = json.loads(auth_json)
    except (ValueError, RecursionError):
        yield from (match.group(1) for match in re.finditer(_LONG_STRING, auth_json))
        return
    yield from _walk("", document)


def _walk(name: str, node: object) -> Iterator[bytes]:
    if isinstance(node, str):
        if looks_secret(name):
            yield node.encode("utf-8", "surrogatepass")
    elif isinstance(node, dict):
        for key, value in cast("dict[str, object]", node).items():
            yield from _walk(key, value)
    elif isinstance(node, list):
        for value in cast("list[object]", node):
            yield from _walk(name, value)
