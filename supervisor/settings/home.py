"""The caller's home directory, below which our files lie where nobody says otherwise."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ...kernel.errors import CallerError


class NoHome(CallerError):
    """Our files would come to lie in the root of the filesystem, here, or nowhere."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}; set HOME to the absolute path of your home directory")


def check_home(environ: Mapping[str, str]) -> None:
    """Refuse what is no home directory; whether it is there is not looked at.

    :raises NoHome: HOME is empty or relative, or there is none and the user has none either.
    """
    home = environ.get("HOME")
    if home is None:
        _check_user(os.getuid())
    elif not home.startswith("/"):
        raise NoHome(f"HOME is {home!r}")


def _check_user(uid: int) -> None:
    import pwd

    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise NoHome(f"HOME is not set, and user id {uid} has no home directory") from None
