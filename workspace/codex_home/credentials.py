"""Logins in a codex-home: the user's own, one and the same from both sides.

A token is renewed by whoever uses it, and the old one is worth nothing from then on. So
there is one file, seen from both homes. Nothing is lost: what is in the way is kept aside.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import stat
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from ...kernel.errors import CodexlabError
from ...kernel.files.dead_writers import replace_among_others, sweep_dead_writers
from ...kernel.files.home_owner import give_to_owner_above
from ...kernel.files.regular_file import create_file, open_regular, read_regular
from ...kernel.values import frozen
from ..codex_config.report import HealNotes
from ..fs import directory, lstat_at, read_small, set_aside
from .links import ensure_link, is_link_to, replace_link, target_in

AUTH, MCP = "auth.json", ".credentials.json"
_LINKED = "credentials"
_NO_HARD_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP)
_DAY = 86_400.0


@frozen
class _Login:
    """What an ``auth.json`` says of itself.

    :param account: whose it is, or None where it does not say.
    :param refreshed: when its tokens were renewed, in seconds since 1970; 0: not known.
    """

    account: str | None = None
    refreshed: float = 0.0


def heal_auth(home_fd: int, shared: Path, notes: HealNotes) -> None:
    """Link the credentials; without shared ones whatever is here stays.

    A tool that renames a file into place leaves a file here instead of the link. Where
    its tokens are the same account's and newer, the shared file gets them: the older
    ones are worth nothing any more.
    """
    target = target_in(shared, AUTH)
    found = lstat_at(AUTH, home_fd)
    with contextlib.suppress(OSError, CodexlabError), directory(target.parent) as dir_fd:
        sweep_dead_writers(re.escape(target.name), dir_fd)
    if not target.exists():
        if found is not None:
            notes.kept.append(AUTH)
    elif found is not None and stat.S_ISREG(found.st_mode):
        _make_link(home_fd, target, notes)
    else:
        ensure_link(AUTH, home_fd, target, notes)


def _make_link(home_fd: int, target: Path, notes: HealNotes) -> None:
    ours = read_small(AUTH, home_fd, Path(AUTH))
    theirs = read_regular(target, follow=True)
    _make_private(AUTH, home_fd)
    if ours == theirs:
        replace_link(AUTH, home_fd, target)
        notes.fixed.append(AUTH)
        return
    here, there = _login(ours), _login(theirs)
    newer = here.refreshed > there.refreshed and here.account is not None
    if newer and here.account == there.account:
        _give_login(ours or b"", theirs, home_fd, target, notes)
        return
    aside = set_aside(AUTH, home_fd)
    os.symlink(target, AUTH, dir_fd=home_fd)
    notes.fixed.append(AUTH)
    notes.warnings.append(f"{AUTH}: was not a link, kept as {aside}; {_compared(here, there)}")


def _give_login(ours: bytes, theirs: bytes, home_fd: int, target: Path, notes: HealNotes) -> None:
    """Give the shared home the newer login; its own is kept aside here first."""
    older = _keep(theirs, home_fd)
    try:
        with directory(target.parent) as dir_fd:
            replace_among_others(target.name, ours, dir_fd=dir_fd)
            give_to_owner_above(target)
    except OSError as error:
        os.unlink(older, dir_fd=home_fd)
        aside = set_aside(AUTH, home_fd)
        notes.warnings.append(
            f"{AUTH}: was renewed here and is kept as {aside}; {target} could not take it"
            f" ({error.strerror}): copy it there, or log in again"
        )
        os.symlink(target, AUTH, dir_fd=home_fd)
    else:
        notes.warnings.append(
            f"{AUTH}: was renewed here, so {target} has it now; the older one is kept as {older}"
        )
        replace_link(AUTH, home_fd, target)
    notes.fixed.append(AUTH)


def _compared(here: _Login, there: _Login) -> str:
    """Say which of two logins is which, as far as they say so."""
    if here.account != there.account or here.account is None:
        return "it is not the shared login, which is used"
    if not here.refreshed or not there.refreshed:
        return "the shared login is used"
    when = "older than" if here.refreshed < there.refreshed else "as old as"
    return f"it is {when} the shared login, which is used"


def _login(text: bytes | None) -> _Login:
    try:
        values: dict[str, Any] = json.loads(text or b"")
        tokens: dict[str, Any] = values["tokens"]
        account = tokens.get("account_id")
        refreshed = datetime.fromisoformat(str(values["last_refresh"])).timestamp()
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError, OverflowError):
        return _Login()
    # A time to come is no time at which anything was renewed.
    known = refreshed if 0 < refreshed < time.time() + _DAY else 0.0
    return _Login(account if isinstance(account, str) else None, known)


def _keep(data: bytes, home_fd: int) -> str:
    """Write data to the first free name aside, readable by its owner alone."""
    number = 1
    while True:
        name = f"{AUTH}.aside-{number}"
        try:
            fd = create_file(name, home_fd)
        except FileExistsError:
            number += 1
            continue
        with open(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(fd)
        return name


def _make_private(name: str, dir_fd: int) -> None:
    with contextlib.suppress(OSError):
        fd = open_regular(name, dir_fd=dir_fd)
        try:
            os.fchmod(fd, 0o600)
        finally:
            os.close(fd)


def heal_mcp_credentials(home_fd: int, control_fd: int, shared: Path, notes: HealNotes) -> None:
    """Have the logins of MCP servers here under a name of the very same file.

    No symbolic link: codex 0.171 reads through one and refuses to write. A name in our
    control directory tells a file that was the shared one, and is logged out, from one
    that was made here.
    """
    target = target_in(shared, MCP)
    if not target.is_file():
        _forget(home_fd, control_fd, notes)
        return
    ours, theirs = lstat_at(MCP, home_fd), target.stat()
    if ours is None or not os.path.samestat(ours, theirs):
        _join(home_fd, target, ours, notes)
    kept = lstat_at(_LINKED, control_fd)
    if kept is None or not os.path.samestat(kept, theirs):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_LINKED, dir_fd=control_fd)
        with contextlib.suppress(OSError):
            os.link(target, _LINKED, dst_dir_fd=control_fd)


def _join(home_fd: int, target: Path, ours: os.stat_result | None, notes: HealNotes) -> None:
    if ours is not None and is_link_to(MCP, home_fd, target):
        return
    if ours is not None and stat.S_ISREG(ours.st_mode):
        _make_private(MCP, home_fd)
        if read_small(MCP, home_fd, Path(MCP)) == read_regular(target, follow=True):
            os.unlink(MCP, dir_fd=home_fd)
            ours = None
    if ours is not None:
        notes.warnings.append(f"{MCP}: was not the shared one, kept as {set_aside(MCP, home_fd)}")
    try:
        os.link(target, MCP, dst_dir_fd=home_fd)
    except OSError as error:
        if error.errno not in _NO_HARD_LINK:
            raise
        os.symlink(target, MCP, dir_fd=home_fd)
        notes.warnings.append(
            f"{MCP}: {target} is on another filesystem, or another user's: codex can use the"
            " logins of MCP servers here, and cannot renew them"
        )
    notes.created.append(MCP)


def _forget(home_fd: int, control_fd: int, notes: HealNotes) -> None:
    """Drop what was the shared file: the user has logged out of every server."""
    kept, ours = lstat_at(_LINKED, control_fd), lstat_at(MCP, home_fd)
    if (ours is not None and stat.S_ISLNK(ours.st_mode)) or was_shared(home_fd, control_fd):
        os.unlink(MCP, dir_fd=home_fd)
        notes.fixed.append(MCP)
    elif ours is not None:
        notes.kept.append(MCP)
    if kept is not None and stat.S_ISREG(kept.st_mode):
        os.unlink(_LINKED, dir_fd=control_fd)


def was_shared(home_fd: int, control_fd: int) -> bool:
    """Tell whether the logins of MCP servers here are the file that the shared home had."""
    kept, ours = lstat_at(_LINKED, control_fd), lstat_at(MCP, home_fd)
    return kept is not None and ours is not None and os.path.samestat(kept, ours)
