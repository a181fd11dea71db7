"""Guards taken out, one at a time: the tests that prove each is needed use these."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator

from codexlab.kernel.files.lease import LeaseAnswer
from codexlab.rollout.locks.thread import Coordination, ThreadLocks
from codexlab.rollout.operations.file_ops import FileOps


class WithoutLease(FileOps):
    """Nobody asks the kernel who can write."""

    def take_read_lease(self, fd: int, *, granted_before: bool = False) -> LeaseAnswer:  # noqa: ARG002
        return LeaseAnswer.GRANTED

    def take_read_lease_again(self, fd: int) -> LeaseAnswer:  # noqa: ARG002
        return LeaseAnswer.GRANTED

    def is_read_lease_unbroken(self, fd: int) -> bool:  # noqa: ARG002
        return True


class WithoutSecondProbe(FileOps):
    """Nobody asks a second time after the name has moved."""

    def take_read_lease_again(self, fd: int) -> LeaseAnswer:  # noqa: ARG002
        return LeaseAnswer.GRANTED


class ReplacingPutBack(FileOps):
    """Putting back replaces whatever has the name by then."""

    def put_back(self, kept: str, plain: str) -> None:
        os.rename(kept, plain)


class UnlinkInsteadOfRetire(FileOps):
    """The plain file is unlinked at once, as codex's own compressor does."""

    def retire(self, plain: str, kept: str) -> None:  # noqa: ARG002
        os.unlink(plain)


class WithoutCoordination(FileOps):
    """Writers of codex's protocol come and go in the critical section."""

    @contextlib.contextmanager
    def coordination(self, locks: ThreadLocks) -> Generator[Coordination]:
        yield Coordination(locks.directory)
