"""Say why the agent could not be started; loaded only then."""

from __future__ import annotations

import errno
import os

from ...guardian.protocol import SpawnFailed, SpawnStep
from ...kernel.errors import OperatorError
from ...kernel.exhausted import NoMore, is_no_more
from ..errors import CommandNotExecutable, CommandNotFound
from .too_long import too_long
from .workspace import PreparedWorkspace


def spawn_error(failed: SpawnFailed, prepared: PreparedWorkspace) -> Exception:
    """Return the error for the step that failed.

    :param prepared: what was to be started.
    """
    step, code, command = failed.step, failed.errno, prepared.argv[0]
    if step is SpawnStep.EXEC and code == errno.E2BIG:
        return too_long(prepared.argv, prepared.environment.values)
    if step is SpawnStep.EXEC and code in (errno.ENOENT, errno.ENOTDIR):
        return CommandNotFound(command, "it, or the interpreter its first line names")
    if step is SpawnStep.EXEC:
        return CommandNotExecutable(command, code)
    if step is SpawnStep.FORK and is_no_more(OSError(code, "")):
        return NoMore("the agent could not be started", code)
    return OperatorError(f"the agent could not be started: {step}: {os.strerror(code)}")
