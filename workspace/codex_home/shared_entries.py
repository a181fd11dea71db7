"""What codex reads from its home, and how an issue's home comes to have it.

The list is of codex 0.100 to 0.171. What is not on it is state: databases, logs, caches,
the history of the screen. Each home has its own.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ..codex_config.file import is_profile
from ..codex_config.report import HealNotes
from ..fs import lstat_at, open_below
from .links import offer, withdraw

LINKED = (
    "AGENTS.md",
    "AGENTS.override.md",
    "instructions.md",
    "hooks.json",
    "hooks",
    "agents",
    "prompts",
    "rules",
    "skills",
    "plugins",
    "themes",
    "pets",
    "environments.toml",
    ".env",
)
_MEMORIES = ("MEMORY.md", "memory_summary.md")


def offer_all(home_fd: int, shared: Path, former: Path | None, notes: HealNotes) -> None:
    """Link all that the shared home has and this home lacks; drop what went away there.

    :param former: the shared home of the last launch: links into it follow to this one.
    """
    if former == shared:
        former = None
    present = {*os.listdir(shared), *os.listdir(home_fd)}
    linked = (name for name in LINKED if name in present)
    for name in (*linked, *sorted(filter(is_profile, present))):
        if name == "AGENTS.override.md" and _is_own("AGENTS.md", home_fd):
            # codex reads one of the two: what was written for this issue must win.
            withdraw(name, home_fd, shared / name, notes)
        else:
            before = None if former is None else former / name
            offer(name, home_fd, shared / name, notes, former=before)


def _is_own(name: str, home_fd: int) -> bool:
    found = lstat_at(name, home_fd)
    return found is not None and stat.S_ISREG(found.st_mode)


def without_effect(home: Path, shared: Path) -> Iterator[str]:
    """Yield a line on each thing in the shared home that has no effect in an issue's."""
    if _has_memories(shared) and not _has_memories(home):
        yield (
            f"{shared / 'memories'}: has no effect here; codex keeps the memories of a home"
            " together with its databases, and each issue has its own"
        )


def _has_memories(home: Path) -> bool:
    return any((home / "memories" / name).is_file() for name in _MEMORIES)


def offer_reference(reference: str, home: Path, shared: Path, notes: HealNotes) -> None:
    """Let a file that the configuration names by relative path be found here."""
    target = shared / reference
    if not target.exists():
        if not (home / reference).exists():
            notes.warnings.append(f"config.toml names {reference}, which is not in {shared}")
        return
    *parents, name = [part for part in reference.split("/") if part not in ("", ".")]
    if (home / reference).exists():
        return
    parent_fd = open_below(home, *parents, create=True)
    try:
        offer(name, parent_fd, target, notes)
    finally:
        os.close(parent_fd)
