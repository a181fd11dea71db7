"""The host triple that cargo targets are kept apart by, without a rustc on every launch."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from ..kernel.errands.own_programs import find_own_program
from ..kernel.files.atomic import replace_file
from ..kernel.files.home_owner import give_named

_HOST_LINE = rb"(?m)^host: ([A-Za-z0-9_+][A-Za-z0-9_.+-]*)$"
_TIMEOUT = 10.0


def host_triple(cache_dir: str | os.PathLike[str], environment: Mapping[str, str]) -> str:
    """Return the host that ``rustc -vV`` names, as codex-lab's scripts do.

    :param cache_dir: directory of ours for caches; made when missing. If it cannot be written, each
        call runs ``rustc`` again.
    :param environment: its PATH, ``RUSTUP_HOME`` and ``RUSTUP_TOOLCHAIN`` choose the rustc. The
        answer is cached under the identity of that binary and of rustup's settings. A change of
        either asks again.
    :returns: without a working rustc, ``<machine>-<system>``.

    rustc runs in ``/``: a toolchain file in a workspace could otherwise make rustup download a
    toolchain. Two toolchains of one machine normally have the same *host*. Unusual set-ups (musl
    beside gnu by directory override) get the default's.
    """
    rustc = find_own_program("rustc", environment.get("PATH", ""))
    if rustc is None:
        return _machine()
    name = os.path.join(cache_dir, f"host-{_identity(rustc, environment)}")
    cached = _read(name)
    if cached is not None:
        return cached
    host = _ask(rustc, environment)
    if host is None:
        return _machine()
    _remember(name, host)
    return host


def _identity(rustc: str, environment: Mapping[str, str]) -> str:
    """Name the binary, and the settings by which rustup's proxy picks the real rustc."""
    from zlib import crc32

    home = environment.get("RUSTUP_HOME") or os.path.join(environment.get("HOME", "/"), ".rustup")
    facts = (_stat(rustc), _stat(os.path.join(home, "settings.toml")))
    toolchain = environment.get("RUSTUP_TOOLCHAIN", "")
    return f"{crc32(repr((rustc, facts, toolchain)).encode('utf-8', 'surrogateescape')):08x}"


def _stat(path: str) -> tuple[int, ...]:
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _read(name: str) -> str | None:
    try:
        with open(name, encoding="ascii") as file:
            text = file.read(200).strip()
    except (OSError, UnicodeDecodeError):
        return None
    return text if re.fullmatch(r"[A-Za-z0-9_.+-]+", text) else None


def _remember(name: str, host: str) -> None:
    try:
        os.makedirs(os.path.dirname(name), mode=0o700, exist_ok=True)
        give_named(os.path.dirname(name))
        replace_file(name, host.encode() + b"\n", durable=False)
    except OSError:
        return  # promised: a cache that cannot be written only costs time


def _ask(rustc: str, environment: Mapping[str, str]) -> str | None:
    from ..kernel.errands.errand import run_errand

    try:
        done = run_errand([rustc, "-vV"], environment, timeout=_TIMEOUT, what="rustc -vV", cwd="/")
    except OSError:
        return None
    match = re.search(_HOST_LINE, done.stdout)
    return match.group(1).decode() if match and done.status == 0 else None


def _machine() -> str:
    system = os.uname()
    return f"{system.machine}-{system.sysname.lower()}"
