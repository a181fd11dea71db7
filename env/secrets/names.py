"""Names that look as if their value were a secret, in environments and in text."""

from __future__ import annotations

import re
from collections.abc import Iterator

_WORDS = frozenset(
    [
        "KEY",
        "KEYS",
        "SECRET",
        "SECRETS",
        "TOKEN",
        "TOKENS",
        "PASSWORD",
        "PASSWORDS",
        "PASSWD",
        "PASS",
        "PASSPHRASE",
        "PWD",
        "CREDENTIAL",
        "CREDENTIALS",
        "CREDS",
        "AUTH",
        "AUTHORIZATION",
        "BEARER",
        "PAT",
        "COOKIE",
        "COOKIES",
        "PRIVATE",
        "JWT",
    ]
)
_ENDINGS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE")
_NOT_SECRET = frozenset({"PWD", "OLDPWD", "CODEX_LAB_CARGO_TARGET_KEY"})
_SPLIT = r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])"
_ASSIGNMENT = r"""(?mx) ^ [\s,{\-]* (?:export\s+|set\s+)? (["']?) ([A-Za-z_][A-Za-z0-9_.\-]*) \1
        [ \t]* (?:[:=]|=>) [ \t]* (\S[^\r\n]*) $"""
_PRIVATE_KEY = "PRIVATE KEY-----"


def looks_secret(name: str) -> bool:
    """Tell whether a variable, a JSON key or a setting of this name should hold a secret.

    Judged by whole words (``API_KEY``, ``accessToken``, not ``KEYBOARD``) and by
    endings run together (``PGPASSWORD``). It errs towards secret.
    """
    if name.upper() in _NOT_SECRET:
        return False
    words = [word.upper() for word in re.split(_SPLIT, name)]
    return any(word in _WORDS or word.endswith(_ENDINGS) for word in words)


def secret_assignments(text: str) -> Iterator[str]:
    """Yield the values that lines of ``text`` give to names that look secret.

    Lines of shell, dotenv, INI, YAML and JSON are understood, each by itself.
    """
    for match in re.finditer(_ASSIGNMENT, text):
        if looks_secret(match.group(2)):
            yield match.group(3).strip().strip("\"',;")


def holds_secret_assignment(value: str) -> bool:
    """Tell whether a value of several lines carries secrets inside."""
    if "\n" not in value and "\r" not in value:
        return False
    if _PRIVATE_KEY in value:
        return True
    return any(True for _ in secret_assignments(value.replace("\r", "\n")))
