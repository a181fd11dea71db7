"""Read the record that says what a rollout is: its first ``session_meta``.

Codex's rule (0.169) has three parts. Blank lines, lines that are no record and records
of other kinds before it are passed over. A response item before it means that this is
no thread's own file. A history mode that codex does not know ends the reading. Later
``session_meta`` records are copies from a fork's past or patches, never the name.

Until September 2025 codex wrote items without records around them, and before them one
object with the thread's ``id``. Today's codex takes such a file for an empty one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike, pread
from os.path import basename
from types import MappingProxyType
from typing import Any

from ...kernel.errors import OperatorError
from ..codec.frame_damage import FrameDamage
from ..store.names import RolloutForm, is_thread_id, parse_rollout_name
from .entries import is_old_head
from .records import is_object, parse_record, text_of
from .snapshot import RolloutSnapshot, open_snapshot

MAX_HEAD_BYTES = 32 << 20
_FIRST_READ = 32 << 10
HISTORY_MODES = (None, "legacy", "paginated")
NOTHING: Mapping[str, Any] = MappingProxyType({})
OLD_FORMAT = "older than codex's present format"
_TOO_LATE = ("response_item", "inter_agent_communication")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SessionMetaError(OperatorError):
    """A rollout does not say whose it is.

    :param path: its plain path.
    :param reason: what is wrong with it, to follow its name in a sentence.
    """

    what = "has no readable session metadata"

    def __init__(self, path: str, detail: str = "") -> None:
        self.path = path
        self.reason = f"{self.what}: {detail}" if detail else self.what
        super().__init__(f"rollout {path} {self.reason}")


class EmptyRolloutError(SessionMetaError):
    """It ended before any record that could name it."""

    what = "is empty"


class MetaNotFirstError(SessionMetaError):
    """A response item comes before the session metadata."""

    what = "does not start with session metadata"


class UnknownHistoryModeError(SessionMetaError):
    """Its history is kept in a way that this program does not know."""

    what = "has an unknown history_mode"


class MetaTooFarError(SessionMetaError):
    """No session metadata within the first 32 MiB."""

    what = "has no session metadata near its beginning"


class DamagedHeadError(SessionMetaError):
    """The compressed data is damaged before the session metadata."""

    what = "is damaged before its session metadata"


@dataclass(frozen=True, slots=True)
class SessionMeta:
    """The metadata that a rollout begins with.

    :param id: the thread, lower-case UUID.
    :param cwd: where the agent worked, "" when not said.
    :param timestamp: RFC 3339 in UTC as written, "" when not said.
    :param cli_version: of the codex that began it, "" when not said.
    :param source: ``cli``, ``exec``, ``vscode``, ``subagent``, …; "" when not said.
    :param model_provider: as configured, "" when not said.
    :param raw: the whole payload, with fields we do not know; empty in a listing.
    :param parent: the thread whose agent began this one as its subagent's, "" when not said.
    :param subagent: ``thread_spawn``, ``review``, …; "" for a thread of its user's own.
    :param forked_from: the thread whose history it goes on from, "" for none.
    :param is_old: it is written as before September 2025; today's codex cannot read it.
    """

    id: str
    cwd: str
    timestamp: str
    cli_version: str
    source: str
    model_provider: str
    raw: Mapping[str, Any]
    parent: str = ""
    subagent: str = ""
    forked_from: str = ""
    is_old: bool = False


def read_session_meta(path: str | PathLike[str]) -> SessionMeta:
    """Read the session metadata of a rollout in either form, in bounded memory.

    What comes behind the record is not looked at, valid or not.

    :param path: plain or compressed path; whichever form exists is read.
    :raises NoSuchRolloutError: neither form exists.
    :raises EmptyRolloutError: nothing in it could have named it.
    :raises MetaNotFirstError: a response item comes first.
    :raises UnknownHistoryModeError: written for a newer codex.
    :raises MetaTooFarError: not found within 32 MiB.
    :raises DamagedHeadError: the compressed form does not decode that far.
    """
    with open_snapshot(path) as snapshot:
        return session_meta_of(snapshot)


def session_meta_of(snapshot: RolloutSnapshot) -> SessionMeta:
    """Do what `read_session_meta` does, for a rollout that is open already."""
    is_first = True
    for line in _head_lines(snapshot):
        record = parse_record(line)
        if record is None:
            continue
        if is_first and is_old_head(record):
            return _old_meta(record, snapshot.path)
        is_first = False
        meta = _judge(record, snapshot.path)
        if meta is not None:
            return meta
    raise EmptyRolloutError(snapshot.path)


def parse_session_meta(payload: dict[str, Any], *, keep_raw: bool = True) -> SessionMeta | None:
    """Read the payload of a ``session_meta`` record; None when it names no thread."""
    get = payload.get
    thread, source = get("id"), get("source")
    if not isinstance(thread, str) or not is_thread_id(thread):
        return None
    subagent, parent = _subagent_of(payload)
    if is_object(source):
        # Sub-agents and custom sources are written as {"subagent": …}.
        source = next(iter(source), "")
    return SessionMeta(
        thread.lower(),
        text_of(get("cwd")),
        text_of(get("timestamp")),
        text_of(get("cli_version")),
        text_of(source),
        text_of(get("model_provider")),
        payload if keep_raw else NOTHING,
        parent,
        subagent,
        text_of(get("forked_from_id")).lower(),
    )


def _subagent_of(payload: dict[str, Any]) -> tuple[str, str]:
    """Return the kind of a thread's subagent, and whose it is."""
    source = payload.get("source")
    if not is_object(source) or "subagent" not in source:
        return "", ""
    kind, parent = source["subagent"], payload.get("parent_thread_id")
    if is_object(kind):
        name = next(iter(kind), "")
        details = kind.get(name)
        if is_object(details):
            parent = details.get("parent_thread_id", parent)
        # A name of somebody's own is the value of "other".
        kind = details if name == "other" else name
    return text_of(kind) or "other", text_of(parent).lower()


def _old_meta(record: dict[str, Any], path: str) -> SessionMeta:
    """Read the object that an old rollout begins with; the file's name knows the thread too."""
    name = parse_rollout_name(basename(path))
    thread = text_of(record["id"])
    if not is_thread_id(thread):
        thread = name.thread_id if name else ""
    stamp = text_of(record["timestamp"])
    return SessionMeta(thread.lower(), "", stamp, "", "", "", record, is_old=True)


def _judge(record: dict[str, Any], path: str) -> SessionMeta | None:
    """Apply codex's rule to one record: what it names, None to go on, or an error."""
    kind, payload = record.get("type"), record.get("payload")
    if kind in _TOO_LATE:
        raise MetaNotFirstError(path)
    if kind != "session_meta" or not is_object(payload):
        return None
    mode = payload.get("history_mode")
    if mode not in HISTORY_MODES:
        raise UnknownHistoryModeError(path, repr(mode)[:80])
    return parse_session_meta(payload)


def _head_lines(snapshot: RolloutSnapshot) -> Iterator[bytes]:
    """Yield lines, the unterminated last one too, up to the limit."""
    pending: list[bytes] = []
    read = 0
    for piece in _head_chunks(snapshot):
        if isinstance(piece, FrameDamage):
            yield b"".join(pending)
            raise DamagedHeadError(snapshot.path, piece.reason)
        first, *rest = (piece if read else piece.removeprefix(_BYTE_ORDER_MARK)).split(b"\n")
        read += len(piece)
        pending.append(first)
        for part in rest:
            yield b"".join(pending)
            pending = [part]
        if read > MAX_HEAD_BYTES:
            raise MetaTooFarError(snapshot.path)
    yield b"".join(pending)


def _head_chunks(snapshot: RolloutSnapshot) -> Iterator[bytes | FrameDamage]:
    """Read little first: most rollouts name themselves within a few KiB."""
    if snapshot.form is RolloutForm.COMPRESSED:
        from .decode_lenient import head_chunks  # zstandard: only where it is needed

        yield from head_chunks(snapshot, _FIRST_READ)
        return
    offset, size = 0, _FIRST_READ
    while data := pread(snapshot.fd, size, offset):
        yield data
        offset += len(data)
        size = min(size * 4, 1 << 20)
