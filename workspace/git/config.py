"""The little we believe of a repository's configuration: how its files are to be read.

Parsed here and never by git, which would follow includes and learn of programs. We trust a few
settings whose value is one short word, and nothing that names a file, a program or a server. A
value that is cut off, included or escaped counts as not given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...kernel.files.regular_file import read_regular
from ...kernel.values import frozen

_LIMIT = 1024 * 1024
# git writes no longer line. Our patterns could take quadratic time on it.
_LONGEST = 4096
_SECTION = r'\[\s*([A-Za-z0-9.-]+)\s*(?:"((?:[^"\\\n]|\\.)*)"\s*)?\]'
_VARIABLE = r"([A-Za-z][A-Za-z0-9-]*)\s*(?:=\s*([^;#\n]*))?"
_WORD = r"[a-z0-9]{1,10}"
_TRUE = ("true", "yes", "on", "1")
# How the content and the mode of files in the working tree compare with what is stored.
_HEARD = (
    *("core.filemode", "core.symlinks", "core.ignorecase", "core.precomposeunicode"),
    *("core.autocrlf", "core.eol", "core.trustctime", "core.checkstat"),
    *("core.sparsecheckout", "core.sparsecheckoutcone", "index.sparse"),
)
_HARMLESS = (
    r"core\.(repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|symlinks"
    r"|precomposeunicode|autocrlf|eol)|user\.(name|email)|extensions\.worktreeconfig"
    r'|remote\."origin"\.(url|fetch)|branch\."[^"]*"\.(remote|merge|rebase)'
    r"|lfs\.repositoryformatversion"
)


@frozen
class RepositoryFacts:
    """The form of a repository, as its configuration states it.

    :param format: lines for ``[extensions]`` without which git cannot read it.
    :param bare: it says of itself that it has no working tree.
    :param per_worktree: each worktree has a ``config.worktree`` of its own.
    :param settings: how files in the working tree are read, as (key, value).
    """

    format: tuple[tuple[str, str], ...] = ()
    bare: bool = False
    per_worktree: bool = False
    settings: tuple[tuple[str, str], ...] = ()


def read_facts(git_dir: str, common_dir: str) -> RepositoryFacts:
    """Read the configuration of a checkout. What cannot be read says nothing."""
    shared = _read(f"{common_dir}/config")
    forms = {name: shared.get(f"extensions.{name}", "") for name in ("objectformat", "refstorage")}
    per_worktree = shared.get("extensions.worktreeconfig") in _TRUE
    said = shared | (_read(f"{git_dir}/config.worktree") if per_worktree else {})
    return RepositoryFacts(
        format=tuple((name, form) for name, form in forms.items() if re.fullmatch(_WORD, form)),
        bare=said.get("core.bare") in _TRUE,
        per_worktree=per_worktree,
        settings=tuple(
            (key, said[key]) for key in _HEARD if re.fullmatch(_WORD, said.get(key, ""))
        ),
    )


def starts_nothing(common_dir: str) -> bool:
    """Tell whether a repository's configuration holds nothing but what is known as harmless.

    Then no program, server or file that git uses here was chosen by whoever wrote it.
    """
    data = _bytes(f"{common_dir}/config")
    if data is None:
        return False
    names = [name for name, _ in settings_in(data.decode("utf-8", "replace"))]
    return all(name is not None and re.fullmatch(_HARMLESS, name) for name in names)


def settings_of(git_dir: str, common_dir: str) -> tuple[tuple[str, str], ...]:
    """Return (name, value) of what a checkout's configuration says; to be compared, not obeyed."""
    found: list[tuple[str, str]] = []
    for path in (f"{common_dir}/config", f"{git_dir}/config.worktree"):
        data = _bytes(path) or b""
        found += [
            (name, value.strip().strip('"'))
            for name, value in settings_in(data.decode("utf-8", "replace"))
            if name is not None
        ]
    return tuple(found)


def parse_config(text: str) -> dict[str, str]:
    """Return plain settings by lower-case name, ``section.key``; the last of several counts.

    A setting below a named subsection is left out: none of those is believed.
    """
    found = ((name, value) for name, value in settings_in(text) if name and '"' not in name)
    return {name: value.strip().strip('"').lower() for name, value in found}


def settings_in(text: str) -> Iterator[tuple[str | None, str]]:
    """Yield (name, value) of each setting; no name for a line that is not understood.

    A subsection stands in quotation marks, in its own case: ``remote."origin".url``. A value
    is what stands there, with its quotation marks, without a comment.
    """
    section = ""
    # Only "\n" ends a line. git continues a line that ends with "\", except in a comment.
    for line in text.split("\n"):
        if len(line) > _LONGEST or line.endswith("\\"):
            yield None, ""
            continue
        rest = line.strip()
        while (head := re.match(_SECTION, rest)) is not None:
            below = "" if head[2] is None else f'"{head[2]}".'
            section = f"{head[1].lower()}.{below}"
            rest = rest[head.end() :].strip()
        if not rest or rest[0] in "#;":
            continue
        said = re.match(_VARIABLE, rest)
        if said is None or not section:
            yield None, ""
            continue
        yield section + said[1].lower(), "true" if said[2] is None else said[2]


def _read(path: str) -> dict[str, str]:
    data = _bytes(path)
    return {} if data is None else parse_config(data.decode("utf-8", "replace"))


def _bytes(path: str) -> bytes | None:
    try:
        return read_regular(path, _LIMIT, follow=True)
    except OSError:
        return None
