"""The developer-artifact root: whether it is there, usable, and the right volume."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from ..kernel.files.broad_directory import describe_broad_directory
from ..kernel.values import frozen

ARTIFACT_ROOT_VARIABLE = "CODEX_LAB_DEVELOPER_ARTIFACTS_ROOT"
VOLUME_VARIABLE = "CODEX_LAB_DEVELOPER_ARTIFACTS_VOLUME_UUID"
FLOOR_VARIABLES = (
    "CODEX_LAB_STORAGE_MIN_ROOT_FREE_BYTES",
    "CODEX_LAB_STORAGE_MIN_TARGET_FREE_BYTES",
    "CODEXLAB_MIN_FREE_INODES",
)
"""The floors of ``codexlab.env.targets.floors``: of the root, of the target, of both."""


def asks_for_space(environment: Mapping[str, str]) -> bool:
    """Tell whether a floor is set, even to nothing."""
    return any(name in environment for name in FLOOR_VARIABLES)


@frozen
class ArtifactRoot:
    """The outcome of looking for an artifact root.

    :param path: the usable root, absolute, or None.
    :param fallback_reason: why a root that was asked for is not used; to be shown. None when it is
        used, or when no root was asked for.
    :param identity: device and inode of the directory that was looked at. Later work below the root
        is done only while this directory is there. After an unmount, the bare mount point on the
        system disk would lie in its place.
    """

    path: Path | None
    fallback_reason: str | None = None
    identity: tuple[int, int] | None = None


def open_artifact_root(environment: Mapping[str, str]) -> ArtifactRoot:
    """Look for the root that ``CODEX_LAB_DEVELOPER_ARTIFACTS_ROOT`` names.

    ``CODEX_LAB_DEVELOPER_ARTIFACTS_VOLUME_UUID`` names an id that its filesystem must have (see
    `env.volume`), compared without regard to case. Without it no id is asked for.

    :returns: quietly nothing when the variable is unset or empty. Nothing is ever created: with its
        volume unmounted, the root would be made on the system disk.

    Not promised: that the answer stays true. ``codexlab.env.targets`` takes this value and works
    below the root only while the same directory is there.
    """
    path = environment.get(ARTIFACT_ROOT_VARIABLE, "")
    if not path:
        return ArtifactRoot(None)
    problem = (
        _problem_of_text(path)
        or _problem_of_place(path, environment.get("HOME"))
        or _problem_on_disk(path)
        or _problem_of_volume(path, environment.get(VOLUME_VARIABLE, ""))
    )
    if problem is None:
        found = os.stat(path)
        return ArtifactRoot(Path(path), identity=(found.st_dev, found.st_ino))
    return ArtifactRoot(None, f"{ARTIFACT_ROOT_VARIABLE}={path!r}: {problem}")


def _problem_of_text(path: str) -> str | None:
    if not path.startswith("/"):
        return "not an absolute path"
    if ".." in path.split("/"):
        return "holds '..'"
    if not path.isprintable():
        return "holds unprintable characters"
    return None


def _problem_on_disk(path: str) -> str | None:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return "no such directory (is its volume mounted?)"
    except OSError as error:
        return error.strerror or "cannot be looked at"
    if not stat.S_ISDIR(mode):
        return "not a directory"
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        return "not writable"
    return None


def _problem_of_place(path: str, home: str | None) -> str | None:
    # local/, tmp/ and the rest of a root would lie among the files that are there already.
    what = describe_broad_directory(path, home)
    return None if what is None else f"is {what}; expected a directory of its own"


def _problem_of_volume(path: str, expected: str) -> str | None:
    if not expected:
        return None
    from .volume import volume_ids  # here: only a root that must be on one volume needs it

    found = volume_ids(path)
    if expected.lower() in found:
        return None
    names = ", ".join(found) or "no readable id"
    return f"on another volume than {expected!r} (this one has: {names})"
