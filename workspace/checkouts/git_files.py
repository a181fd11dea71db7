"""Read the files of a git repository that an agent wrote: bounded, and nothing is waited for."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from ...kernel.errors import CodexlabError
from ..fs import read_small
from .words import shown

_COMMIT = r"[0-9a-f]{40}(?:[0-9a-f]{24})?"
_MOST_REFS, _MOST_OBJECTS = 200_000, 1_000_000
_MOST_BORROWED = 1000
_ESCAPES: dict[bytes, int] = dict(
    zip((b"a", b"b", b"f", b"n", b"r", b"t", b"v"), b"\a\b\f\n\r\t\v", strict=True)
)
_PARTS = ("HEAD", "objects", "refs", "packed-refs", "index")


class Unjudged(Exception):
    """What lies there cannot be judged, so it counts as work. Never leaves this package."""


def read_bytes(path: Path) -> bytes:
    """Return the content of a small regular file; nothing where there is none.

    :raises Unjudged: something else lies there.
    """
    try:
        fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise Unjudged(f"{path.name}: {error.strerror}") from None
    try:
        return read_small(path.name, fd, path) or b""
    except (OSError, CodexlabError) as error:
        raise Unjudged(str(error)) from None
    finally:
        os.close(fd)


def git_directories(checkout: Path) -> tuple[Path, Path] | None:
    """Return a checkout's own git directory and the one shared by all of its repository.

    :returns: None where its ``.git`` is a directory that git would pass over as well.
    :raises Unjudged: it is damaged, or leads nowhere.
    """
    marker = checkout / ".git"
    if os.path.isdir(marker):
        own = Path(os.path.realpath(marker))
        if not is_store(own):
            if any(os.path.lexists(own / name) for name in _PARTS):
                raise Unjudged("its .git is damaged")
            return None
    else:
        # A link to such a file is one that git follows too.
        text = _text(Path(os.path.realpath(marker)))
        if not text.startswith("gitdir:"):
            raise Unjudged("its .git is damaged")
        own = Path(os.path.realpath(checkout / text[7:].strip()))
        if not os.path.lexists(own / "HEAD"):
            raise Unjudged(f"its .git leads to {own}, which is not a git directory")
    pointer = _text(own / "commondir")
    common = Path(os.path.realpath(own / pointer)) if pointer else own
    if not is_store(common):
        raise Unjudged(f"it belongs to {common}, which is not a repository")
    return own, common


def is_store(place: Path) -> bool:
    """Tell whether a directory has what git asks of a repository."""
    here = os.path.lexists(place / "HEAD")
    return here and (place / "objects").is_dir() and (place / "refs").is_dir()


def read_references(store: Path) -> dict[str, str]:
    """Return every reference of a repository and the object it is at.

    :raises Unjudged: there are too many, or they are kept in a form that only git reads.
    """
    if os.path.lexists(store / "reftable"):
        raise Unjudged("its references are in a reftable")
    found: dict[str, str] = {}
    for line in _text(store / "packed-refs").split("\n"):
        oid, _, name = line.partition(" ")
        if re.fullmatch(_COMMIT, oid) and name:
            found[name.strip()] = oid
        elif line.strip() and line[0] not in "#^":
            raise Unjudged("its packed-refs is damaged")
    for name in files_below(store, "refs", _MOST_REFS, "it has too many references"):
        text = _text(store / name)
        if re.fullmatch(_COMMIT, text):
            found[name] = text
        elif not text.startswith("ref:") and not name.endswith(".lock"):
            raise Unjudged(f"its {name} is damaged")
    return found


def read_stashes(store: Path) -> list[str]:
    """Return the commits of all stashes; the reference is at the newest, the log has the others.

    :raises Unjudged: the log is no file.
    """
    return re.findall(
        rf"(?m)^{_COMMIT} ({_COMMIT})(?!\S)", _text(store / "logs" / "refs" / "stash")
    )


def check_objects(store: Path) -> None:
    """Refuse a repository of which an object or a pack is no file: git would wait for a fifo.

    :raises Unjudged: one is, or there are too many to look at.
    """
    left = _MOST_OBJECTS
    for place in _object_directories(store / "objects"):
        try:
            with os.scandir(place) as items:
                for item in items:
                    left -= 1
                    if left < 0:
                        raise Unjudged("it has too many objects")
                    if not (item.is_file() or item.is_dir()):
                        where = f"{place.name}/{item.name}".removeprefix("objects/")
                        raise Unjudged(f"its objects/{where} is not a file; remove it")
        except OSError as error:
            raise Unjudged(f"its objects/{place.name}: {error.strerror}") from None


def check_outlives(store: Path, top: Path) -> None:
    """Refuse a repository elsewhere that needs a file below ``top``, which is about to go.

    Its references would be broken then: they hold nothing that such a file holds.

    :raises Unjudged: it needs one, or borrows from more repositories than git would ask.
    """
    waiting, seen = [store / "objects"], set[str]()
    for name in ("refs", "packed-refs", "reftable"):
        _check_outside(store / name, top)
    while waiting:
        objects = waiting.pop()
        if (place := os.path.realpath(objects)) in seen:
            continue
        seen.add(place)
        if len(seen) > _MOST_BORROWED:
            raise Unjudged("it borrows objects from too many repositories")
        _check_outside(objects, top)
        _check_object_links(Path(place), top)
        lines = _text(Path(place) / "info" / "alternates").splitlines()
        named = (line for line in lines if line and not line.startswith("#"))
        waiting.extend(Path(place) / _unquoted(line) for line in named)


def _check_outside(place: Path, top: Path) -> None:
    if f"{os.path.realpath(place)}/".startswith(f"{top}/"):
        raise Unjudged(f"{place} of its repository leads into the workspace")


def _check_object_links(objects: Path, top: Path) -> None:
    for place in _object_directories(objects):
        _check_outside(place, top)
        with os.scandir(place) as items:
            for item in items:
                if item.is_symlink():
                    _check_outside(Path(item.path), top)


def _unquoted(line: str) -> str:
    """Return a path as git reads it: in quotation marks it has escapes."""
    if not (line.startswith('"') and line.endswith('"') and len(line) > 1):
        return line
    data = re.sub(rb"\\([0-7]{3}|.)", _escape, os.fsencode(line[1:-1]))
    return os.fsdecode(data)


def _escape(found: re.Match[bytes]) -> bytes:
    code: bytes = found[1]
    return bytes([int(code, 8) & 255 if len(code) == 3 else _ESCAPES.get(code, code[0])])


def _object_directories(objects: Path) -> Iterator[Path]:
    yield objects
    try:
        names = sorted(os.listdir(objects))
    except OSError as error:
        raise Unjudged(f"its objects: {error.strerror}") from None
    for name in names:
        if (objects / name).is_dir():
            yield objects / name


def head_commit(git_dir: Path, references: dict[str, str]) -> str | None:
    """Return the commit a checkout is at, or None before its first."""
    text = _text(git_dir / "HEAD")
    if text.startswith("ref:"):
        return references.get(text[4:].strip())
    return text if re.fullmatch(_COMMIT, text) else None


def files_below(
    store: Path, top: str, most: int, what: str, *, but: Collection[str] = ()
) -> Iterator[str]:
    """Yield the names of all that is no directory, from the directory ``top`` on.

    :param top: its path in ``store``; "" for all.
    :param what: what there are too many of, when there are more than ``most``.
    :param but: directories that are not entered.
    :raises Unjudged: a directory cannot be read.
    """
    waiting, left = [top], most
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(store / below) as items:
                for item in items:
                    left -= 1
                    name = f"{below}/{item.name}" if below else item.name
                    if not item.is_dir(follow_symlinks=False):
                        yield name
                    elif name not in but:
                        waiting.append(name)
        except OSError as error:
            raise Unjudged(f"its {shown(below)}: {error.strerror}") from None
        if left < 0:
            raise Unjudged(what)


def _text(path: Path) -> str:
    return read_bytes(path).decode("utf-8", "surrogateescape").strip()
