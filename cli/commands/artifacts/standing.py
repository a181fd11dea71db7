"""The caller's position for questions about build output: root, repository, host, key."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ....env.artifact_root import ARTIFACT_ROOT_VARIABLE, ArtifactRoot, open_artifact_root
from ....env.artifacts.repository import Repository, find_repository, worktree_key
from ....env.cargo import CargoScope, safe_cargo_key
from ....env.rustc_host import host_triple
from ....env.targets.errors import RootUnusable
from ....env.targets.layout import Layout
from ....kernel.errors import CallerError


@dataclass(frozen=True, slots=True)
class Standing:
    """The caller's position: root, repository and host."""

    root: ArtifactRoot
    repository: Repository | None
    host: str

    @property
    def layout(self) -> Layout:
        """Return the places below the root.

        :raises RootUnusable: there is none.
        """
        if self.root.path is None:
            raise RootUnusable(self.root.fallback_reason or f"{ARTIFACT_ROOT_VARIABLE} is not set")
        name = self.repository.name if self.repository else "codex-lab"
        return Layout(self.root.path, name, self.host)


def stand(root: str | None) -> Standing:
    """Return the caller's position: artifact root, repository and host triple.

    :param root: the value of ``--root``, or None.
    """
    from platformdirs import user_cache_path

    environment = {**os.environ, **({ARTIFACT_ROOT_VARIABLE: root} if root else {})}
    host = host_triple(user_cache_path("codexlab"), os.environ)
    return Standing(open_artifact_root(environment), find_repository(Path.cwd()), host)


class NoRepository(CallerError):
    """The command needs a git working tree."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        super().__init__(f"{directory}: not in a git working tree; run it inside one")


class NoKey(CallerError):
    """A scope needs a key, and there is no key."""

    def __init__(self, scope: CargoScope) -> None:
        self.scope = scope
        super().__init__(f"scope {scope}: no key; give --key, or run it inside a git working tree")


def resolve_key(standing: Standing, scope: CargoScope, key: str | None) -> str:
    """Return the key as a path component: the given key, else codex-lab's own for a worktree."""
    if scope is CargoScope.SHARED:
        return ""
    if key is not None:
        return safe_cargo_key(key)
    inherited = os.environ.get("CODEX_LAB_CARGO_TARGET_KEY")
    if inherited:
        return safe_cargo_key(inherited)
    if scope is CargoScope.WORKTREE and standing.repository is not None:
        return safe_cargo_key(worktree_key(standing.repository))
    raise NoKey(scope)
