"""One report of every artifact category: place, size, route and holder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ..artifact_root import ARTIFACT_ROOT_VARIABLE, ArtifactRoot
from ..cargo import CargoScope
from ..targets.building import liveness_of
from ..targets.index import read_owner
from ..targets.layout import Layout
from ..volume import volume_ids
from .candidates import Category, find_candidates
from .remote import HOST_VARIABLE, Answer, ask_compile_host, ask_runners, local_runners
from .repository import Repository, worktree_key
from .routes import SCCACHE_WRAPPER, find_sccache
from .setup import RC
from .sizes import Deadline, measure_tree


@dataclass(frozen=True, slots=True)
class Row:
    """One place.

    :param state: the measure's (``complete``, ``partial``, ``missing``, ...), or ``not configured``
        / ``not installed`` without a path.
    :param route: the variable or file that sends output there, or a note that nothing does.
    :param why: in a few words.
    """

    category: str
    name: str
    path: str | None
    state: str
    bytes: int | None
    route: str
    why: str
    owner: str | None = None
    live: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """The whole report."""

    root: str | None
    fallback_reason: str | None
    volume: tuple[str, ...]
    free_bytes: int | None
    free_inodes: int | None
    repository: str | None
    host: str
    rows: tuple[Row, ...]

    def as_json(self) -> dict[str, object]:
        """Return the report as plain values."""
        return {"v": 1, **asdict(self)}


def collect_status(
    root: ArtifactRoot,
    repository: Repository | None,
    host: str,
    environment: Mapping[str, str],
    seconds: float,
    *,
    remote: bool = False,
) -> Status:
    """Look at everything, for at most about this many seconds of measuring.

    :param remote: also ask the remote compile host and GitHub, some seconds each.

    Nothing is created, and without ``remote`` nothing is run but git.
    """
    report = _Report(environment, Deadline(seconds))
    name = repository.name if repository else "codex-lab"
    layout = None if root.path is None else Layout(root.path, name, host)
    report.cargo(layout, repository)
    report.targets(root, repository)
    report.harness(layout, repository)
    report.caches(layout, repository)
    report.runners(root.path)
    report.remote(repository, ask=remote)
    stat = os.statvfs(root.path) if root.path else None
    return Status(
        str(root.path) if root.path else None,
        root.fallback_reason,
        volume_ids(str(root.path)) if root.path else (),
        stat.f_bavail * stat.f_frsize if stat else None,
        stat.f_favail if stat else None,
        repository.name if repository else None,
        host,
        tuple(report.rows),
    )


class _Report:
    """Rows being collected under one deadline."""

    def __init__(self, environment: Mapping[str, str], deadline: Deadline) -> None:
        self._environment = environment
        self._deadline = deadline
        self.rows: list[Row] = []

    def cargo(self, layout: Layout | None, repository: Repository | None) -> None:
        variables = ("CARGO_TARGET_DIR", "CODEX_LAB_CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR")
        for name in variables:
            if value := self._environment.get(name):
                self._measured("cargo", name, Path(value), name, "set in this environment")
        if layout is not None and repository is not None:
            shared = layout.target(CargoScope.SHARED, "")
            key = worktree_key(repository)
            route = f"{ARTIFACT_ROOT_VARIABLE}, scope"
            self._measured("cargo", "shared target", shared, f"{route} shared", "for people")
            worktree = layout.target(CargoScope.WORKTREE, key)
            self._measured("cargo", "worktree target", worktree, f"{route} worktree", f"key {key}")
        for candidate in find_candidates(None, repository, every_repository=False):
            why = "in the working tree: cargo's default without a root"
            self._measured("cargo", "/".join(candidate.names), candidate.path, "none", why)

    def targets(self, root: ArtifactRoot, repository: Repository | None) -> None:
        """Every key's target, with its owner and whether anybody builds there."""
        if root.path is None:
            return
        for candidate in find_candidates(root, None, every_repository=True):
            if candidate.category is not Category.CARGO or "worktrees" not in candidate.names:
                continue
            owner = read_owner(root, candidate.path)
            mine = repository is not None and owner and owner.workdir == str(repository.top)
            self._measured(
                "target",
                candidate.names[3],
                candidate.path,
                "scope agent or worktree",
                "this working tree's" if mine else "one per key",
                owner=_owner_text(owner.project, owner.issue, owner.thread) if owner else "unknown",
                live=liveness_of(root, candidate.path, owner.workdir if owner else None),
            )

    def harness(self, layout: Layout | None, repository: Repository | None) -> None:
        output = self._environment.get("CODEX_EXEC_HARNESS_OUTPUT_ROOT")
        report = self._environment.get("CODEX_EXEC_HARNESS_REPORT_JSON")
        if output:
            name = "CODEX_EXEC_HARNESS_OUTPUT_ROOT"
            self._measured("exec-harness", "output", Path(output), name, "set in this environment")
        elif layout is not None:
            why = "below the artifact root"
            self._measured("exec-harness", "output", layout.harness_output, "artifact root", why)
        elif repository is not None:
            path = repository.top / ".tmp" / "codex-exec-harness"
            self._measured("exec-harness", "output", path, "none", "no artifact root")
        if layout is not None:
            target, why = layout.harness_target, "its own cargo target"
            self._measured("exec-harness", "target", target, "artifact root", why)
        place = Path(report) if report else layout.harness_report if layout else None
        if place is not None:
            self._measured("exec-harness", "report", place, "beside the output", "one JSON file")

    def caches(self, layout: Layout | None, repository: Repository | None) -> None:
        self._cache("node", "pnpm-store", "pnpm_config_store_dir", layout)
        self._cache("node", "npm-cache", "NPM_CONFIG_CACHE", layout)
        self._cache("temp", "tmp", "TMPDIR", layout)
        self._sccache(layout)
        self._bazel(layout, repository)

    def runners(self, root: Path | None) -> None:
        """Self-hosted runners, by what lies on this disk."""
        if root is None:
            return
        layout = Layout(root, "codex-lab", "any")
        for name in ("runners", "cache", "tmp"):
            why = "never cleaned by codexlab"
            self._measured("runner", name, layout.runner(name), "runner configuration", why)
        for runner in local_runners(layout.runner("runners")):
            self._answer("runner", runner, ".runner")

    def remote(self, repository: Repository | None, *, ask: bool) -> None:
        """The remote compile host, and the runners as GitHub knows them."""
        host = self._environment.get(HOST_VARIABLE)
        answer = ask_compile_host(self._environment) if ask else None
        if answer is not None:
            self._answer("remote", answer, HOST_VARIABLE)
        else:
            state = "configured" if host else "not configured"
            why = "not asked; --remote asks" if host else "no remote compile host"
            self.rows.append(Row("remote", host or "-", None, state, None, HOST_VARIABLE, why))
        for runner in ask_runners(repository, self._environment) if ask else ():
            self._answer("runner", runner, "GitHub")

    def _answer(self, category: str, answer: Answer, route: str) -> None:
        state = "answered" if answer.ok else "no answer"
        self.rows.append(Row(category, answer.name, None, state, None, route, answer.text))

    def _cache(self, category: str, name: str, variable: str, layout: Layout | None) -> None:
        active = self._environment.get(variable)
        routed = layout.package_cache(name) if layout else None
        if active:
            ours = routed is not None and Path(active).is_relative_to(routed)
            why = "below the artifact root" if ours else "set in this environment, elsewhere"
            self._measured(category, f"{name} (active)", Path(active), variable, why)
        if routed is not None:
            why = "codexlab artifacts env sends it there"
            self._measured(category, name, routed, variable, why)
        elif not active:
            row = Row(category, name, None, "not configured", None, variable, "no artifact root")
            self.rows.append(row)

    def _sccache(self, layout: Layout | None) -> None:
        program = find_sccache(self._environment)
        wrapper = self._environment.get(SCCACHE_WRAPPER) or "unset"
        if program is None:
            row = Row("sccache", "program", None, "not installed", None, "--sccache", "opt-in")
            self.rows.append(row)
        active = self._environment.get("SCCACHE_DIR")
        place = Path(active) if active else layout.package_cache("sccache") if layout else None
        if place is not None:
            self._measured("sccache", "cache", place, "SCCACHE_DIR", f"{SCCACHE_WRAPPER} {wrapper}")

    def _bazel(self, layout: Layout | None, repository: Repository | None) -> None:
        if layout is None:
            return
        rc = repository.top / RC if repository else None
        written = rc is not None and rc.is_file()
        route = str(rc) if written else "none"
        why = "user.bazelrc is there" if written else "codexlab artifacts setup writes it"
        names = ("disk-cache", "repo-contents-cache", "repository-cache", "output-base")
        for name in (*names, "output-user-root"):
            self._measured("bazel", name, layout.bazel(name), route, why)

    def _measured(
        self,
        category: str,
        name: str,
        path: Path,
        route: str,
        why: str,
        *,
        owner: str | None = None,
        live: str | None = None,
    ) -> None:
        size = measure_tree(path, self._deadline)
        row = Row(category, name, str(path), size.state, size.allocated, route, why, owner, live)
        self.rows.append(row)


def _owner_text(project: str, issue: str, thread: str | None) -> str:
    return f"{project}#{issue}" + (f" ({thread})" if thread else "")
