"""The secrets that this run must not write down anywhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress

from ...env.secrets.known import known_secrets
from ...env.secrets.mask import Masker
from ...kernel.files.regular_file import read_regular
from ..request import LaunchRequest

_LOGINS = ("auth.json", ".credentials.json")


def find_secrets(request: LaunchRequest, child: Mapping[str, str]) -> tuple[bytes, ...]:
    """Return the values to mask: of the caller, of the agent, and of the shared home.

    :param child: the agent's environment; empty before there is one.
    """
    home = request.shared_home
    logins = filter(None, (_read(home, name) for name in _LOGINS))
    return known_secrets(request.environ, child, *logins, dotenv=_read(home, ".env"))


def make_masker(request: LaunchRequest, child: Mapping[str, str]) -> Masker:
    """Return a filter for text that is written at once."""
    return Masker(find_secrets(request, child))


def _read(shared_home: os.PathLike[str], name: str) -> bytes | None:
    with suppress(OSError):
        return read_regular(os.path.join(shared_home, name), follow=True)
    return None
