"""The environment of a git that we start: an allow list, and settings no file undoes.

Whoever wrote a repository's files may have chosen programs for git to start. So git gets the
names below and nothing else of ours. It gets the settings below as ``GIT_CONFIG_COUNT`` pairs:
they outrank every file, and a name may hold ``=``, at which ``git -c`` cuts.

What the *user* says by environment is heard too (``GIT_CONFIG_COUNT``,
``GIT_CONFIG_PARAMETERS``), before ours: git reads the latter last, so it becomes pairs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

from .own_programs import is_own, own_search_path

Pair = tuple[str, str]

_LOOK = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "XDG_CONFIG_HOME", "TMPDIR", "LD_LIBRARY_PATH"),
        *("SUDO_UID", "GIT_EXEC_PATH"),
        *("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"),
    )
)
# How a server is reached. A filter such as LFS fetches from the same server as git does.
_REACH = (
    r"GIT_(SSH|SSL|HTTP|PROXY|LFS)\w*|(GIT|SSH)_ASKPASS|SSH_(AUTH_SOCK|AGENT_PID)"
    r"|GIT_ALLOW_PROTOCOL|(https?|ftp|all|no)_proxy|(HTTPS?|FTP|ALL|NO)_PROXY"
    r"|SSL_CERT_(FILE|DIR)|CURL_CA_BUNDLE|NIX_SSL_CERT_FILE|LANG|LC_\w+|TZ"
    r"|XDG_(DATA|CACHE|STATE)_HOME|XDG_RUNTIME_DIR|KRB5\w*|GNUPGHOME"
)
# What the user's own credential helpers ask for: only where no other program is started.
_CREDENTIALS = (
    r"(GH|GITHUB|GITLAB|GLAB|GCM|BITBUCKET|AZURE|AWS|CLOUDSDK|GOOGLE)_\w+"
    r"|DBUS_SESSION_BUS_ADDRESS|DISPLAY|WAYLAND_DISPLAY"
)
_PLACES = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_EXEC_PATH")
_LISTS = ("PATH", "LD_LIBRARY_PATH")
_FIXED = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "false",
    "LC_ALL": "C",
}
# Empty lists no protocol, and no file can add to it; a promisor remote is not asked either.
_NO_REACH = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": ""}
# A commit's parents are what its object says, and no file beside it. git takes a file of
# grafts that is there, even an empty one, as a reason for a hint; this one cannot be.
_NO_HEARSAY = {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_GRAFT_FILE": "/dev/null/none"}
# Whoever can write objects can write these, and git compares them with nothing.
_OBJECTS_ALONE: tuple[Pair, ...] = (
    ("core.commitGraph", "false"),
    ("core.multiPackIndex", "false"),
    ("pack.readReverseIndex", "false"),
)
_SETTINGS: tuple[Pair, ...] = (
    ("core.fsmonitor", "false"),
    ("core.hooksPath", "/dev/null"),
    ("core.alternateRefsCommand", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("log.showSignature", "false"),
    ("status.submoduleSummary", "false"),
)
_WORD = r"'[^']*'(?:\\['!]'[^']*')*"
_PARAMETER = rf"({_WORD})(?:(=)({_WORD})?)?(?:\s|$)"
_QUOTED = r"'([^']*)'|\\([!'])"


class Reach(StrEnum):
    """How far a git that we start has to get: a server, the filters of a checkout, or neither."""

    NOTHING = "nothing"
    CHECKOUT = "checkout"
    REMOTE = "remote"


def git_environment(
    parent: Mapping[str, str],
    *,
    reach: Reach = Reach.NOTHING,
    settings: Iterable[Pair] = (),
    outside: str | None = None,
) -> dict[str, str]:
    """Return the whole environment of a git.

    :param parent: the caller's environment.
    :param reach: the purpose of the command. ``nothing`` only looks, never fetches, and
        believes of objects no file but theirs. ``checkout`` may start filters. ``remote``
        fetches and starts the user's own credential helpers, but no program that a repository
        names.
    :param settings: configuration for this call, which outranks all other.
    :param outside: a directory whose programs are none: entries of search paths that lie
        in it or in a workspace, or are relative, are left out.
    """
    kept = {name: value for name, value in parent.items() if _passes(name, reach)}
    for name in _LISTS:
        if name in kept:
            kept[name] = own_search_path(kept[name], outside)
    for name in _PLACES:
        if name in kept and not is_own(kept[name], outside):
            del kept[name]
    looks = reach is Reach.NOTHING
    pairs = (*given_settings(parent), *_SETTINGS, *(_OBJECTS_ALONE if looks else ()), *settings)
    fixed = _FIXED | _NO_REACH | _NO_HEARSAY if looks else _FIXED
    return {**kept, **fixed, **_as_variables(pairs)}


def trusted_directories(parent: Mapping[str, str], also: Iterable[str] = ()) -> dict[str, str]:
    """Return variables that tell an agent's git whose directories the caller trusts.

    Of what the caller's environment gives to git, ``safe.directory`` alone. As one variable:
    codex can keep names with KEY from its tools, and a ``GIT_CONFIG_COUNT`` without its keys
    ends every git. Quoted as ``git -c`` of any version does it.

    :param parent: the caller's environment.
    :param also: directories that are trusted too.
    """
    said = [value for key, value in given_settings(parent) if key.lower() == "safe.directory"]
    words = (_quoted(f"safe.directory={value}") for value in (*said, *also))
    text = " ".join(words)
    return {"GIT_CONFIG_PARAMETERS": text} if text else {}


def given_settings(parent: Mapping[str, str]) -> list[Pair]:
    """Return the configuration the caller's environment gives to git, in git's order.

    What git itself would refuse is left out.
    """
    count = parent.get("GIT_CONFIG_COUNT", "")
    numbers = range(min(int(count), 10_000)) if count.isascii() and count.isdigit() else range(0)
    pairs = [
        (parent[f"GIT_CONFIG_KEY_{number}"], parent[f"GIT_CONFIG_VALUE_{number}"])
        for number in numbers
        if f"GIT_CONFIG_KEY_{number}" in parent and f"GIT_CONFIG_VALUE_{number}" in parent
    ]
    text = parent.get("GIT_CONFIG_PARAMETERS")
    return pairs + _parameters(text) if text else pairs


def _passes(name: str, reach: Reach) -> bool:
    if name in _LOOK:
        return True
    if reach is Reach.NOTHING:
        return False
    return bool(
        re.fullmatch(_REACH, name) or (reach is Reach.REMOTE and re.fullmatch(_CREDENTIALS, name))
    )


def _as_variables(pairs: Iterable[Pair]) -> dict[str, str]:
    found: dict[str, str] = {}
    count = 0
    for key, value in pairs:
        found[f"GIT_CONFIG_KEY_{count}"] = key
        found[f"GIT_CONFIG_VALUE_{count}"] = value
        count += 1
    return {**found, "GIT_CONFIG_COUNT": str(count)}


def _parameters(text: str) -> list[Pair]:
    """Parse what ``git -c`` hands on: ``'key'='value'``, before git 2.31 ``'key=value'``."""
    pairs: list[Pair] = []
    for key, equals, value in re.findall(_PARAMETER, text):
        name = _unquoted(key)
        if equals:
            pairs.append((name, _unquoted(value) if value else "true"))  # a bare name means true
        else:
            old_name, assigned, old_value = name.partition("=")
            pairs.append((old_name, old_value if assigned else "true"))
    return pairs


def _quoted(text: str) -> str:
    return "'" + re.sub(r"['!]", lambda found: f"'\\{found[0]}'", text) + "'"


def _unquoted(word: str) -> str:
    return re.sub(_QUOTED, lambda found: found[1] or found[2] or "", word)
