"""The hold on a workspace: who runs here, in which group, and whether it is proven empty.

Invariant: ``owner.json`` names the run and its group before anything is started. It says
``contained`` only after the kernel showed the run empty. The claim's locks are *freed* only then,
and merely closed otherwise. An empty reading that proves nothing (the guardian is dead) leaves it
to the next launch to look again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ...guardian.protocol import Released, RunHandover, Spawned
from ...kernel.containment.membership import Mechanism, RunProcesses, discard_leaf
from ...kernel.errors import OperatorError
from ...kernel.files.temporary import discard_temporary
from ...kernel.process.group import ProcessGroup
from ...kernel.process.identity import ProcessIdentity, boot_id
from ...kernel.values import replace
from ...workspace.claim.claim import Claim
from ...workspace.codex_home.give_to_user import give_to_user
from ...workspace.git.held_checkout import HeldCheckout
from ...workspace.owner import OwnerRecord
from ..callbacks import Tell
from ..containment_choice import ContainmentChoice
from ..errors import GuardianLost
from ..guardian_client.link import GuardianLink
from ..plan import Plan
from ..prepare.workspace import describe_owner
from ..records.unfinished_records import finish_last_record
from .leaf import ContainmentRequest, give_up_leaf, open_leaf, why_no_descent
from .survivors import end_survivors


class RunOwnership:
    """One run's hold on its workspace.

    ``proven``: the kernel showed that nothing of the run is left. ``seems_empty``: it showed
    nothing, be it that this proves nothing.

    :param guardian: the process that adopts the run's orphans.
    """

    def __init__(
        self, plan: Plan, claim: Claim, link: GuardianLink, guardian: ProcessIdentity
    ) -> None:
        self.plan = plan
        self.claim = claim
        self.link = link
        self._guardian = guardian
        self._owner: OwnerRecord | None = None
        self._temporary = ""
        self._kept: tuple[int, ...] = ()
        self._checkout: HeldCheckout | None = None
        self.leaf: str | None = None
        self.grouped = False
        self._group: ProcessGroup | None = None
        self.why_no_leaf: str | None = None
        self._monitor: ProcessIdentity | None = None
        # Nothing was started yet, so nothing can be left.
        self.proven = self.seems_empty = True

    def note_reading(self, left: int, *, proves: bool) -> None:
        """Note how many processes the kernel showed, and whether none proves that none is left."""
        self.seems_empty = not left
        self.proven = self.seems_empty and proves

    def doubt(self) -> None:
        """Take in that something may be left of the run, until the kernel shows that nothing is."""
        self.proven = self.seems_empty = False

    def note_not_started(self, *, was_proven: bool) -> None:
        """Take in that nothing came of a start, so that all is as it was before.

        :param was_proven: what an errand of the preparation left may be there all the same.
        """
        self.proven = self.seems_empty = was_proven

    def note_started(self, started: Spawned, descriptors: Sequence[int]) -> None:
        """Take over what the guardian gave with a program that it started.

        :param descriptors: names the program's process group, where the run goes by that.
        """
        if started.monitor is not None:
            # It stays until the run's end, also while hooks run that have none.
            self._monitor = ProcessIdentity(*started.monitor, boot_id())
        if descriptors:
            self.take_group(ProcessGroup(started.pid, *descriptors))

    def end_previous(self, tell: Tell) -> None:
        """End what the last run left.

        :raises SurvivorsLeft: some of it cannot be ended.
        """
        from ..records.ended import finish_dead_run

        for last in self.lasts():
            known = self.claim.is_known(last.run_id) or not self.claim.lasts
            swept = end_survivors(last, self.plan.paths, is_known=known)
            finish_dead_run(last.run_id)
            if swept:
                tell(f"ended {swept} processes left by run {last.run_id}")

    def lasts(self) -> tuple[OwnerRecord, ...]:
        """Return the runs that may have left something here, by the registry if no record tells."""
        if self.claim.lasts or not os.path.lexists(self.plan.paths.runs):
            return self.claim.lasts
        from ..records.unowned import lasts_by_registry

        return lasts_by_registry(self.plan.paths, self.plan.run_id)

    def begin(self) -> None:
        """Write down that we run here now; what the last run left has been ended."""
        finish_last_record(self.plan.paths, self.claim.previous)
        self._enter_leaf()

    def _enter_leaf(self, parent: Path | None = None) -> None:
        request = self.plan.request
        wanted = ContainmentRequest(
            self.plan.run_id, request.containment, self._guardian.pid, request.environ
        )
        self.leaf, self.why_no_leaf = open_leaf(wanted, parent)
        self._go_by_group()
        self._write_owner(self._describe_owner())

    def _go_by_group(self) -> None:
        """Go by the process group where nothing stronger is asked for or to be had."""
        self.take_group(None)
        choice = self.plan.request.containment
        problem = None if self.leaf else why_no_descent(self._guardian, choice)
        self.grouped = problem is not None
        if problem and choice == ContainmentChoice.AUTO:
            self.why_no_leaf = f"{self.why_no_leaf}; {problem}"

    def take_group(self, group: ProcessGroup | None) -> None:
        """Take over the descriptor that names the process group of what was started."""
        if self._group is not None:
            os.close(self._group.leader)
        self._group = group

    def _describe_owner(self) -> OwnerRecord:
        return describe_owner(self.plan, self.leaf, self._guardian, self._mechanism())

    def _mechanism(self) -> Mechanism:
        return Mechanism.PROCESS_GROUP if self.grouped else self.processes().mechanism

    def _write_owner(self, owner: OwnerRecord) -> None:
        self.claim.write_owner(owner)
        self._owner = owner

    def hold_descriptors(self, lease: int | None, sessions: tuple[int, ...]) -> None:
        """Take over the descriptors that keep the routed cargo target and resumed sessions."""
        self._kept = (*sessions, *(() if lease is None else (lease,)))

    def hold_checkout(self, checkout: HeldCheckout | None) -> None:
        """Take over the descriptors of the checkout, open until the run's end is written down."""
        self._checkout = checkout

    def hand_over(self, temporary: str = "") -> None:
        """Give the guardian what it needs to end this run without us.

        :raises GuardianLost: it is gone.
        """
        self._temporary = temporary
        directory = self.plan.run_directory
        handover = RunHandover(
            run_id=self.plan.run_id,
            leaf=self.leaf,
            record=os.fspath(directory / "record.json"),
            owner=os.fspath(self.plan.paths.owner),
            witness=os.fspath(self.claim.witness_path),
            base=os.fspath(self.plan.paths.base),
            temporary=temporary,
        )
        self.link.tell(handover, self._held())

    def _held(self) -> tuple[int, ...]:
        return (*self.claim.lock_fds, *self._kept)

    def do_without_leaf(self, problem: str) -> None:
        """Do without the leaf, which nobody can join.

        :raises PlaceUnusable: a cgroup was demanded.
        """
        if self.leaf is not None:
            self.leaf, self.why_no_leaf = give_up_leaf(
                self.leaf, self.plan.request.containment, problem
            )
            self._go_by_group()
        self._write_owner(self._describe_owner())
        self.hand_over(self._temporary)

    def enter_fresh_leaf(self) -> None:
        """Enter a fresh leaf for another attempt; the one before is proven empty."""
        discard_leaf(RunProcesses(self.plan.run_id, self.leaf))
        self._enter_leaf(None if self.leaf is None else Path(self.leaf).parent)
        self.hand_over(self._temporary)

    def processes(self, *, guardian_lost: bool = False) -> RunProcesses:
        """Return what belongs to the run."""
        if guardian_lost:
            return RunProcesses(self.plan.run_id, self.leaf, group=self._group)
        ours = frozenset([os.getpid(), *filter(None, [self.link.sidecar])])
        return RunProcesses(
            self.plan.run_id, self.leaf, self._guardian, ours, self._monitor, self._group
        )

    def strays(self) -> RunProcesses | None:
        """Return what finds strays: the guardian never adopts what errands of ours left.

        :returns: None where there can be no such process: the guardian forked us, or no
            errand was run.
        """
        if self.proven or self._guardian.pid == os.getppid():
            return None
        return RunProcesses(self.plan.run_id)

    def describe(self) -> dict[str, str | None]:
        """Return the containment in force, as the record's field."""
        return {"mechanism": self._mechanism(), "leaf": self.leaf, "why": self.why_no_leaf}

    def release(self, status: int | None) -> None:
        """Release what was proven empty; only close what was not.

        :param status: what the guardian is to exit with, where that is known.
        """
        for fd in (*self._kept, *(self._checkout.descriptors if self._checkout else ())):
            os.close(fd)
        self.take_group(None)
        self.clean_up()
        if not self.proven:
            self.claim.close()
            return
        request, start = self.plan.request, self.plan.start
        give_to_user(self.plan.paths, request.shared_home, start.common_dir)
        # Do this before the lock is free. From then on owner.json may be another run's, and this
        # run's guardian must not vouch for it, whenever we die.
        with suppress(GuardianLost):
            self.link.tell(Released(status))
        self.claim.release()

    def remove_temporary(self) -> str | None:
        """Remove the run's temp directory, once nothing of the run is seen.

        :returns: a line where it cannot be removed, or None.
        """
        if not self.seems_empty or not self._temporary:
            return None
        why = discard_temporary(self._temporary)
        if why is None:
            # It is looked for once: nothing is left that could make it again.
            self._temporary = ""
            return None
        return f"temp directory {self._temporary} could not be removed: {why}; remove it by hand"

    def clean_up(self) -> None:
        """Remove what the run needed, once nothing of it is seen; keep the claim.

        That it is *proven* empty, where it is, is then written down.
        """
        if not self.seems_empty:
            return
        self.remove_temporary()
        # Also when the disk was too full to write the owner down: nothing was started in it.
        discard_leaf(RunProcesses(self.plan.run_id, self.leaf))
        if self.proven and self._owner is not None:
            with suppress(OperatorError):
                self.claim.write_owner(replace(self._owner, contained=True))
