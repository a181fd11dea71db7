"""A rollout, whatever its form: where it lies, and what its name says."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from .names import RolloutName
from .roots import RootName


@dataclass(frozen=True, slots=True)
class RolloutRef:
    """One rollout, whatever its form.

    :param directory: where it lies. `StoreHandle.rollout` gives it with links resolved.
    :param name: what its file name says; the same for both forms.
    :param archived: it lies in ``archived_sessions``.
    :param plain_seen: a scan saw the plain file.
    :param compressed_seen: a scan saw the compressed file.

    A rollout may have changed form since a scan, and readers survive that. Whoever changes
    files looks at the disk instead. Nobody has looked where neither form was seen.
    """

    directory: str
    name: RolloutName
    archived: bool
    plain_seen: bool = field(default=False, compare=False)
    compressed_seen: bool = field(default=False, compare=False)

    @property
    def path(self) -> str:
        """The plain path: the rollout's name for ever, whether or not it exists now."""
        return os.path.join(self.directory, self.name.plain_name)

    @property
    def compressed_path(self) -> str:
        """The path of the compressed form, which need not exist."""
        return os.path.join(self.directory, self.name.compressed_name)

    @property
    def current_path(self) -> str:
        """The file that a reader would have opened when the forms were seen; plain wins."""
        return self.path if self.plain_seen or not self.compressed_seen else self.compressed_path

    @property
    def thread_id(self) -> str:
        """The thread in the file name."""
        return self.name.thread_id

    @property
    def root(self) -> RootName:
        """The name of the root that it lies below: ``sessions`` or ``archived_sessions``."""
        return RootName.ARCHIVED if self.archived else RootName.SESSIONS
