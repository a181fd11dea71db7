"""Every place below the artifact root: pure paths, as codex-lab lays them out.

::

    <root>/local/<repo>/cargo-target/<host>                   shared
    <root>/local/<repo>/worktrees/<key>/cargo-target/<host>   worktree, agent
    <root>/local/<repo>/exec-harness/{cargo-target/<host>,output/report.json}
    <root>/local/codex-lab/{pnpm-store,npm-cache,tmp,sccache}
    <root>/local/codex-lab/bazel/{disk-cache,repo-contents-cache,repository-cache,...}
    <root>/github-actions/{runners,cache,tmp}
    <root>/local/.codexlab/{leases,index,quarantine,receipts}  codexlab's own books
"""

from __future__ import annotations

from pathlib import Path

from ...kernel.values import frozen
from ..cargo import OWN_NAME, CargoScope, cargo_target_dir, safe_repo_name

BOOKS = ("local", OWN_NAME)
"""Where codexlab keeps leases, index, quarantine and receipts, below the root."""

_PACKAGES = ("local", "codex-lab")
TEMPORARY = (*_PACKAGES, "tmp")
"""Where temp directories lie below the root."""


@frozen
class Layout:
    """The places of one repository on one host below one root.

    :param repo: as :func:`codexlab.env.repository_name` found it.
    """

    root: Path
    repo: str
    host: str

    @property
    def repo_parts(self) -> tuple[str, str]:
        """Return where everything of the repository lies, as names below the root."""
        return "local", safe_repo_name(self.repo)

    def target(self, scope: CargoScope, key: str) -> Path:
        """Return the cargo target directory of a scope."""
        return cargo_target_dir(self.root, scope, key, self.repo, self.host)

    @property
    def worktrees(self) -> Path:
        """Return the directory that holds one directory per key."""
        return self.root.joinpath(*self.repo_parts, "worktrees")

    @property
    def harness_target(self) -> Path:
        """Return where the exec harness builds."""
        return self._harness("cargo-target", safe_repo_name(self.host))

    @property
    def harness_output(self) -> Path:
        """Return where the exec harness writes what it saw."""
        return self._harness("output")

    @property
    def harness_report(self) -> Path:
        """Return the exec harness's report."""
        return self.harness_output / "report.json"

    def package_cache(self, name: str) -> Path:
        """Return a cache that all repositories share: ``pnpm-store``, ``npm-cache``, ..."""
        return self.root.joinpath(*_PACKAGES, name)

    def bazel(self, name: str) -> Path:
        """Return one of Bazel's places."""
        return self.root.joinpath(*_PACKAGES, "bazel", name)

    def runner(self, name: str) -> Path:
        """Return a place of the self-hosted CI runners: ``runners``, ``cache``, ``tmp``."""
        return self.root / "github-actions" / name

    def _harness(self, *names: str) -> Path:
        return self.root.joinpath(*self.repo_parts, "exec-harness", *names)


def below(root: Path, path: Path) -> tuple[str, ...]:
    """Return the names that lead from ``root`` to ``path``, which lies below it."""
    return path.relative_to(root).parts
