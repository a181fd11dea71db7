"""What must not be written down by this run, wherever it appears."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress

from ..env import Masker, known_secrets
from ._request import LaunchRequest


def find_secrets(request: LaunchRequest, child: Mapping[str, str]) -> tuple[bytes, ...]:
    """Return the values to mask: of the caller, of the agent, and of the shared login.

    :param child: the agent's environment; empty before there is one.
    """
    return known_secrets(request.environ, child, _read_auth(request.shared_home))


def make_masker(request: LaunchRequest, child: Mapping[str, str]) -> Masker:
    """Return a filter for text that is written at once."""
    return Masker(find_secrets(request, child))


def _read_auth(shared_home: os.PathLike[str]) -> bytes | None:
    with suppress(OSError), open(os.path.join(shared_home, "auth.json"), "rb") as file:
        return file.read()
    return None
