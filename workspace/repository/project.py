"""A project's default name: the repository's, made unique by where it comes from."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from ...kernel.files.regular_file import read_regular
from ..git.checkout import Checkout, inspect_checkout

_SECTION = r"\s*\[\s*([^\]\s\"]+)(?:\s+\"((?:[^\"\\]|\\.)*)\")?\s*\]"
_URL = r"(?i)(?P<scheme>[a-z][a-z0-9+.-]*)://(?:[^@/]*@)?(?P<host>[^/:]*)(?::\d+)?(?P<path>.*)"
_SCP = r"(?:[^@/:]+@)?(?P<host>[^/:@]+):(?P<path>.*)"
_REMOTE = r"(?i)[a-z][a-z0-9+.-]*://|[^/\s:]+@[^/\s:]+:"
_UNSAFE = r"[^a-z0-9_-]+"


def default_project(start: Checkout, repo: str | None = None) -> str:
    """Return ``<repo name>-<8 hex>``, or ``default`` outside git.

    The digits come from the normalised origin, so all clones of one repository
    share a project; without an origin, from the common git directory.

    :param repo: ``--repo``, a path or URL, which then counts instead of the start.
    """
    if repo is not None and not is_url(repo):
        start = inspect_checkout(Path(repo))
    if repo is not None and is_url(repo):
        identity = normalise_origin(repo, Path("/"))
    elif start.common_dir is None:
        return "default"
    else:
        origin = read_origin(start.common_dir)
        identity = normalise_origin(origin, start.common_dir) if origin else str(start.common_dir)
    digest = hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{repository_name(identity)}-{digest}"


def is_url(repo: str) -> bool:
    """Tell whether ``--repo`` names something elsewhere rather than a local path."""
    return re.match(_REMOTE, repo) is not None


def normalise_origin(url: str, common_dir: Path) -> str:
    """Return the part that all spellings of a repository's address have in common.

    Scheme, user, port, ``.git`` and trailing slashes go; ``git@host:a/b`` equals
    ``https://host/a/b``. A local path is made absolute, from the repository's place.
    """
    if match := re.fullmatch(_URL, url):
        if match["scheme"].lower() != "file":
            return _join(match["host"], match["path"])
        return _strip(os.path.realpath(match["path"]))
    if (match := re.fullmatch(_SCP, url)) and not url.startswith((".", "/")):
        return _join(match["host"], match["path"])
    base = common_dir.parent if common_dir.name == ".git" else common_dir
    return _strip(os.path.realpath(base / url))


def read_origin(common_dir: Path) -> str | None:
    """Return ``remote.origin.url`` of the repository's own configuration, or None.

    Included files and ``insteadOf`` are not looked at: the name only has to be stable.
    """
    try:
        data = read_regular(common_dir / "config", follow=True)
    except OSError:
        return None
    text = data.decode("utf-8", "surrogateescape")
    section = None
    for line in text.splitlines():
        if match := re.match(_SECTION, line):
            section = (match[1].lower(), match[2])
        elif section == ("remote", "origin"):
            name, _, value = line.partition("=")
            if name.strip().lower() == "url" and value.strip():
                return value.strip().strip('"')
    return None


def repository_name(identity: str) -> str:
    """Return a readable lower-case name for a normalised origin."""
    parts = [part for part in identity.split("/") if part not in ("", ".git")]
    name = re.sub(_UNSAFE, "-", parts[-1].removesuffix(".git").lower()) if parts else ""
    return name.strip("-_")[:40] or "repo"


def _join(host: str, path: str) -> str:
    return f"{host.lower()}/{_strip(path).lstrip('/')}"


def _strip(path: str) -> str:
    return path.rstrip("/").removesuffix(".git").rstrip("/")
