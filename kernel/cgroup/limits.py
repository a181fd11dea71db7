"""Limits the kernel enforces on a leaf, where its v2 controllers can be had (cgroups(7))."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path


def limit_leaf(leaf: str | Path, limits: Mapping[str, str]) -> set[str]:
    """Set control files of a leaf, enabling their controllers where we may.

    :param limits: file name to content, for example ``{"pids.max": "100"}``.
    :returns: the names that could *not* be set. A controller is enabled in the parent. The
        kernel refuses that while the parent has members of its own and is not the root. Hybrid
        set-ups keep their controllers on v1.
    """
    refused: set[str] = set()
    for name, content in limits.items():
        try:
            if not os.path.exists(os.path.join(leaf, name)):
                _enable(Path(leaf).parent, name.partition(".")[0])
            _write(os.path.join(leaf, name), content)
        except OSError:
            refused.add(name)
    return refused


def _enable(parent: Path, controller: str) -> None:
    _write(os.fspath(parent / "cgroup.subtree_control"), f"+{controller}")


def _write(path: str, content: str) -> None:
    # Never creating: a missing control file means a missing controller.
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, content.encode())
    finally:
        os.close(fd)


def read_counter(leaf: str | Path, file: str, key: str | None = None) -> int | None:
    """Return a number from a control file, or None where there is none.

    :param key: the line that holds it, for files such as ``cpu.stat``.
    """
    with contextlib.suppress(OSError, ValueError):
        text = Path(leaf, file).read_text()
        if key is None:
            return int(text)
        for line in text.splitlines():
            name, _, value = line.partition(" ")
            if name == key:
                return int(value)
    return None
