"""Rollout file names, as codex writes them.

``rollout-YYYY-MM-DDTHH-MM-SS-<thread>[_<rollout>].jsonl[.zst]``, at most 111
bytes. The time is local time. ``_<rollout>`` appears when a thread was reverted:
the thread then goes on in a new file (codex 0.169). Everything else in a store's
directories, temporary files above all, is not a rollout and never parses as one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

COMPRESSED_SUFFIX = ".zst"

_HEX = "[0-9a-fA-F]"
_UUID = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
_NAME = re.compile(
    r"rollout-[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3])-[0-5][0-9]-[0-5][0-9]"
    rf"-{_UUID}(?:_{_UUID})?\.jsonl(?:\.zst)?"
)
_ID = re.compile(_UUID)


class RolloutForm(StrEnum):
    """The form of a rollout on disk."""

    PLAIN = "plain"
    COMPRESSED = "compressed"


# Looking a member up in its class costs Python 3.11 as much as parsing a name.
PLAIN, COMPRESSED = RolloutForm.PLAIN, RolloutForm.COMPRESSED


@dataclass(frozen=True, slots=True)
class RolloutName:
    """A rollout's file name; every part of it has a fixed place.

    :param plain_name: the file name without ``.zst``; it names the rollout in both forms.
    :param form: the form that this very name stands for.
    """

    plain_name: str
    form: RolloutForm

    @property
    def timestamp(self) -> str:
        """``YYYY-MM-DDTHH-MM-SS``, in the writer's local time; sorts as text."""
        return self.plain_name[8:27]

    @property
    def thread_id(self) -> str:
        """The thread, a lower-case UUID."""
        return self.plain_name[28:64].lower()

    @property
    def rollout_id(self) -> str | None:
        """The revert, a lower-case UUID, or None for a thread's first file."""
        return self.plain_name[65:101].lower() if self.plain_name[64] == "_" else None

    @property
    def compressed_name(self) -> str:
        """The file name of the compressed form."""
        return self.plain_name + COMPRESSED_SUFFIX

    @property
    def of_plain(self) -> RolloutName:
        """The name of the plain form."""
        return self if self.form is PLAIN else RolloutName(self.plain_name, PLAIN)

    @property
    def started(self) -> datetime:
        """The time in the name, naive, in the writer's local time."""
        text = self.timestamp
        return datetime.fromisoformat(f"{text[:13]}:{text[14:16]}:{text[17:]}")

    @property
    def order(self) -> tuple[str, str, str]:
        """A key that sorts rollouts by age; ties of one second have an order too."""
        return (self.timestamp, self.rollout_id or "", self.thread_id)


def parse_rollout_name(filename: str) -> RolloutName | None:
    """Read a file name, without directory; None when it is not a rollout's."""
    if _NAME.fullmatch(filename) is None or not _is_date(filename[8:18]):
        return None
    if filename.endswith(COMPRESSED_SUFFIX):
        return RolloutName(filename[: -len(COMPRESSED_SUFFIX)], COMPRESSED)
    return RolloutName(filename, PLAIN)


def is_thread_id(text: str) -> bool:
    """Tell whether ``text`` is a whole, hyphenated UUID."""
    return _ID.fullmatch(text) is not None


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
