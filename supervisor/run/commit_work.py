"""Commit what the agent left uncommitted, once its run is over and proven empty."""

from __future__ import annotations

from ...kernel.errors import CodexlabError
from ...workspace.git.held_checkout import check_held
from ...workspace.issue_work.commit import Committed, NothingToCommit, commit_held
from ...workspace.issue_work.message import LastRun, output_of
from ...workspace.issue_work.place import find_work
from ..prepare.workspace import PreparedWorkspace
from .cancellation import LookEnded, look_for
from .context import RunContext

# A whole working tree may have to be read.
_SECONDS = 600.0


async def commit_after_run(run: RunContext, prepared: PreparedWorkspace, said: str | None) -> bool:
    """Commit as ``codexlab commit`` does; how the run ended stays as it was.

    :param said: the agent's last words for a person.
    :returns: whether there is a new commit. Why there is none is told where that is a fault.
    """
    try:
        done = await look_for(run.link, _SECONDS, _commit, run, prepared, said)
    except NothingToCommit:
        return False
    except (CodexlabError, OSError, LookEnded) as error:
        run.warn(f"the work is not committed: {error}")
        return False
    run.record.update(commit=done.commit)
    for line in done.left_out:
        run.warn(line)
    if run.caller.verbose:
        run.caller.tell(f"committed {done.commit[:12]} on {done.branch}: {done.subject}")
    return True


def _commit(run: RunContext, prepared: PreparedWorkspace, said: str | None) -> Committed:
    claim = run.ownership.claim
    work = find_work(claim.paths, claim.read_provenance(), claim.witness)
    if prepared.checkout is not None:
        check_held(prepared.checkout, work.directory, work.checkout)
    words = said or output_of(work, run.plan.run_id)
    return commit_held(work, LastRun(run.plan.run_id, words))
