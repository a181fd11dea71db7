"""Have codex go on in a thread's newest file, whichever side wrote that."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...kernel.errors import CodexlabError
from ...workspace.codex_home.index_rows import ThreadFile, forget_outdated
from ...workspace.paths import WorkspacePaths

if TYPE_CHECKING:
    from ...rollout.store.rollout_ref import RolloutRef

_THREAD = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_MOST = 4


def follow_named_threads(
    paths: WorkspacePaths, command: Sequence[str], tell: Callable[[str], None]
) -> None:
    """Do what `follow_newest_file` does for each thread that a command names itself."""
    for thread in list(dict.fromkeys(word for word in command if re.fullmatch(_THREAD, word)))[
        :_MOST
    ]:
        from ...rollout.catalog.lookup import find_thread

        if (found := find_thread(paths.codex_home, thread)) is not None:
            follow_newest_file(paths, found, tell)


def follow_newest_file(
    paths: WorkspacePaths, newest: RolloutRef, tell: Callable[[str], None]
) -> None:
    """Have codex look for the newest file of a thread if its own index names another one.

    A file that cannot be read or written costs one line, and the launch goes on.
    """
    from ...rollout.reading.session_meta import read_session_meta

    try:
        mode = read_session_meta(newest.path).raw.get("history_mode") or "legacy"
    except (OSError, CodexlabError):
        return  # codex itself says what is wrong with it
    file = ThreadFile(newest.thread_id, Path(newest.path), str(mode))
    if line := forget_outdated(paths, file):
        tell(line)
