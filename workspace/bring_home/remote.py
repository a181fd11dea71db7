"""A remote of a repository, as its configuration states it: data that is judged, never obeyed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote, urlsplit

from ...kernel.errands.own_programs import is_own
from ...kernel.values import frozen
from ..checkouts.remote_urls import local_path
from ..git.config import settings_of
from ..issue_work.refusal import WorkRefused
from ..repository.url_cache import credentials, public_url

_KEY = r'remote\."(.+)"\.(url|pushurl)'
_NAME = r"[A-Za-z0-9][\w.+-]*(?:/[A-Za-z0-9][\w.+-]*)*"
_SERVER = r"(?:https?|ssh|git|git\+ssh|ssh\+git)://[^\s-]\S*"
_SSH = r"(?:[\w.+-]+@)?[A-Za-z0-9\[][\w.\[\]:-]*:(?!:|//)\S*"
# What receive-pack on this machine would start for whoever wrote the repository it writes in.
_RECEIVE = (
    "git -c core.hooksPath=/dev/null -c core.alternateRefsCommand=false -c core.fsmonitor=false"
    " -c receive.denyCurrentBranch=refuse -c receive.autogc=false -c gc.auto=0"
    " -c maintenance.auto=false receive-pack"
)


@frozen
class Remote:
    """A place that a branch is pushed to.

    :param url: with its secrets.
    """

    name: str
    url: str

    @property
    def shown(self) -> str:
        """Return the URL without its secrets."""
        return public_url(self.url)

    @property
    def settings(self) -> tuple[tuple[str, str], ...]:
        """Return all that git hears of it."""
        return (
            (f"remote.{self.name}.url", self.shown),
            (f"remote.{self.name}.fetch", f"+refs/heads/*:refs/remotes/{self.name}/*"),
            *credentials(self.url).items(),
        )

    @property
    def options(self) -> tuple[str, ...]:
        """Return how git is to reach it: no hook runs in a repository of this machine."""
        return () if self.is_server else (f"--receive-pack={_RECEIVE}",)

    @property
    def is_server(self) -> bool:
        """Tell whether a protocol leads there."""
        return _is_server(self.url)

    def page(self, branch: str) -> str | None:
        """Return where a pull request of a branch can be opened, where that is known."""
        host, path = self._parts()
        if host is None:
            return None
        if "github" in host:
            return f"https://{host}/{path}/pull/new/{quote(branch)}"
        if "gitlab" in host:
            source = f"merge_request%5Bsource_branch%5D={quote(branch, safe='')}"
            return f"https://{host}/{path}/-/merge_requests/new?{source}"
        return None

    def repository(self) -> str | None:
        """Return ``HOST/OWNER/NAME`` as ``gh`` takes it."""
        host, path = self._parts()
        return None if host is None else f"{host}/{path}"

    def _parts(self) -> tuple[str | None, str]:
        if "://" in self.url:
            parts = urlsplit(self.url)
            host, path = parts.hostname, parts.path
        elif self.is_server:
            before, _, path = self.url.partition(":")
            host = before.rpartition("@")[2].lower()
        else:
            return None, ""
        name = path.strip("/").removesuffix(".git")
        is_plain = host and re.fullmatch(r"[\w.-]+", host) and re.fullmatch(r"[\w./~+-]+", name)
        return (host if is_plain else None), name


def find_remote(common_dir: Path, top: Path | None, name: str | None) -> Remote:
    """Return the remote of that name; without a name ``origin``, else the only one.

    :param top: what a relative path starts from.
    :raises WorkRefused: there is none, or nothing is pushed there.
    """
    found: dict[str, dict[str, list[str]]] = {}
    place = os.fspath(common_dir)
    for key, value in settings_of(place, place):
        if (said := re.fullmatch(_KEY, key)) is not None:
            found.setdefault(said[1], {}).setdefault(said[2], []).append(value)
    names = ", ".join(sorted(found)) or "none"
    chosen = name or ("origin" if "origin" in found or len(found) != 1 else next(iter(found)))
    if chosen not in found:
        raise WorkRefused(f"--remote {chosen}", f"no such remote in {common_dir}; there is {names}")
    if not re.fullmatch(_NAME, chosen):
        raise WorkRefused(f"--remote {chosen}", "is no plain name; push with git itself")
    urls = found[chosen].get("pushurl") or found[chosen].get("url") or []
    if len(urls) != 1:
        reason = f"has {len(urls)} URLs to push to; push with git itself"
        raise WorkRefused(f"remote {chosen}", reason)
    return _judged(chosen, urls[0], top or common_dir)


def _judged(name: str, url: str, base: Path) -> Remote:
    if _is_server(url):
        return Remote(name, url)
    place = local_path(url, base)
    if place is None or not url.isprintable():
        reason = "is neither a server nor a path; push with git itself"
        raise WorkRefused(f"remote {name}", f"{public_url(url)} {reason}")
    if not is_own(place):
        raise WorkRefused(f"remote {name}", f"{place} is where an agent works; nothing is pushed")
    return Remote(name, place)


def _is_server(url: str) -> bool:
    return url.isprintable() and bool(re.fullmatch(_SERVER, url) or re.fullmatch(_SSH, url))
