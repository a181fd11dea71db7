"""Tell where a remote's URL leads: to another machine, or to a place on this one."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from pathlib import Path
from urllib.parse import unquote_to_bytes

# What git reaches by itself; any other scheme, and "name::", is a helper program.
_BY_SCHEME = r"(?:https?|ssh|git|ftps?|git\+ssh|ssh\+git)://(?:[^/]*@)?(\[[^\]/]*\]|[^/:@\[]+)"
_BY_COLON = r"(?:[^/@:\[]*@)?(\[[^\]/]*\]|[^/:@\[]+):(?!:|//)"
_PROGRAM = r"[A-Za-z0-9][A-Za-z0-9+.-]*(?:::|://)"
# "file" is no host: "file:/srv/x" was meant as a path, and git would ask ssh for it.
_THIS_MACHINE = r"localhost|.*\.localhost|localhost\.localdomain|ip6-(?:localhost|loopback)|file"
# First bytes of the addresses that are always of the machine that asks.
_OF_THIS_MACHINE = (0, 127)


def is_server(url: str) -> bool:
    """Tell whether git would ask another machine: who serves on this one may be the agent."""
    found = re.match(_BY_SCHEME, url) or re.match(_BY_COLON, url)
    if found is None or (re.match(_PROGRAM, url) and not re.match(_BY_SCHEME, url)):
        return False
    host = found[1].strip("[]").rpartition("@")[2].lower()
    if host.count(":") == 1:
        host = host.partition(":")[0]  # "[host:port]:path"
    return bool(host) and not _is_this_machine(host)


def _is_this_machine(host: str) -> bool:
    """Tell whether a name, or an address in any spelling that a resolver reads, is of this one."""
    name = os.fsdecode(unquote_to_bytes(os.fsencode(host))).lower().rstrip(".")
    if re.fullmatch(_THIS_MACHINE, name) or name in ("", os.uname().nodename.lower()):
        return True
    address = name.partition("%")[0]
    with contextlib.suppress(OSError, ValueError):
        return socket.inet_aton(address)[0] in _OF_THIS_MACHINE
    with contextlib.suppress(OSError, ValueError):
        data = socket.inet_pton(socket.AF_INET6, address)
        is_mapped = data[:12] in (bytes(12), bytes(10) + b"\xff\xff")
        return is_mapped and (data[12] in _OF_THIS_MACHINE or data[12:] == b"\0\0\0\1")
    return False


def local_path(url: str, base: Path) -> str | None:
    """Return the place a URL leads to on this machine, if it is one."""
    if url.startswith("file://"):
        return os.path.realpath(os.fsdecode(unquote_to_bytes(os.fsencode(url[7:]))))
    if not url or re.match(_PROGRAM, url) or ":" in url.partition("/")[0]:
        return None
    return os.path.realpath(base / url)
