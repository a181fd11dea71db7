"""One agent under the claim: contain, spawn, watch, end, prove."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

import anyio
import anyio.to_thread

from ..env import Masker, known_secrets
from ..kernel import (
    Message,
    OperatorError,
    ProcessIdentity,
    Scope,
    boot_id,
    discard_leaf,
    end,
    members,
)
from ..workspace import Claim, git_state, record_thread
from ._agents import StreamNews
from ._cancelling import unless_cancelled
from ._command import resolve_command
from ._containment import give_up_leaf, open_leaf
from ._errors import CommandNotExecutable, CommandNotFound, GuardianLost
from ._events import EventLog, now_text
from ._exit import EXIT_FAILED, agent_outcome, report_exit
from ._lifecycle import ENDING_SIGNALS
from ._link import GuardianLink
from ._place import Place, own_workspace, prepare_place
from ._plan import Plan
from ._record import RunRecord, describe_exit, describe_git
from ._session import SessionWatcher
from ._streams import DELIVERY_LIMIT, Streams
from ._survivors import GRACE, PATIENCE, end_survivors
from ._temporary import create_temporary, remove_temporary
from ._watch import Watch

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended: the exit status, and whether the kernel showed it empty."""

    status: int
    proven: bool


async def run_agent(
    plan: Plan, claim: Claim, link: GuardianLink, events: EventLog, tell: Tell
) -> Finished:
    """Run one agent to its end.

    :raises CodexlabError: it could not be started; nothing of it runs.
    """
    run = _AgentRun(plan, claim, link, events, tell)
    try:
        await unless_cancelled(link, run.prepare)
        await run.spawn()
    except BaseException as error:
        run.undo(error)
        raise
    await run.watch()
    return await run.conclude()


class _AgentRun:
    """The steps of one run, in order; each leaves what the next needs."""

    _place: Place
    _record: RunRecord
    _streams: Streams
    _session: SessionWatcher
    _watch: Watch

    def __init__(
        self, plan: Plan, claim: Claim, link: GuardianLink, events: EventLog, tell: Tell
    ) -> None:
        self._plan = plan
        self._claim = claim
        self._link = link
        self._events = events
        self._tell = tell
        self._guardian = os.getppid()
        self._leaf: str | None = None
        self._no_leaf: str | None = None
        self._last_word = "none"
        self._started = time.monotonic()

    # -- before the agent -------------------------------------------------------------

    async def prepare(self) -> None:
        """End survivors, take possession, make the place ready."""
        await anyio.to_thread.run_sync(self._take_possession)
        self._give_custody("")
        self._place = await anyio.to_thread.run_sync(
            prepare_place, self._plan, self._claim, self._tell
        )
        # The directory may be shared with other issues' runs; theirs end too.
        await anyio.to_thread.run_sync(end_survivors, self._place.workdir.previous)
        self._open_record()

    def _take_possession(self) -> None:
        swept = end_survivors(self._claim.previous, self._plan.paths)
        if swept and self._claim.previous:
            self._tell(f"ended {swept} processes left by run {self._claim.previous.run_id}")
        self._leaf, self._no_leaf = open_leaf(self._plan.run_id, self._plan.request.containment)
        # Before anything is started: whoever claims next must know where to look.
        self._owner = own_workspace(self._plan, self._leaf, self._guardian)
        self._claim.write_owner(self._owner)

    def _give_custody(self, temporary: str) -> None:
        """Hand the guardian what it needs to end this run without us."""
        custody = {
            "run_id": self._plan.run_id,
            "leaf": self._leaf,
            "record": os.fspath(self._plan.run_directory / "record.json"),
            "owner": os.fspath(self._plan.paths.owner),
            "events": os.fspath(self._plan.run_directory / "events.ndjson"),
            "temporary": temporary,
        }
        self._link.tell({"op": "custody", "custody": custody}, self._claim.lock_fds)

    def _open_record(self) -> None:
        place, plan = self._place, self._plan
        secrets = known_secrets(
            plan.request.environ, place.environment.values, _read_auth(plan.request.shared_home)
        )
        self._record = RunRecord(plan, Masker(secrets))
        self._record.update(
            argv=list(place.argv),
            workdir=asdict(place.workdir),
            resumed=place.thread,
            temporary=place.temporary,
            containment={
                "mechanism": self._owner.mechanism,
                "leaf": self._leaf,
                "why": self._no_leaf,
            },
            environment=[asdict(verdict) for verdict in place.environment.receipt],
            cargo=asdict(place.routing.cargo),
            artifacts=asdict(place.routing.artifacts),
        )
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        path = os.fspath(plan.run_directory / "events.ndjson")
        self._events.add_target(os.open(path, flags, 0o600))
        self._streams = Streams(plan, place.argv, secrets, self._hear_agent)
        self._session = SessionWatcher(
            plan.paths.codex_home, place.workdir.path.resolve(), self._take_thread
        )
        self._announce()

    def _announce(self) -> None:
        place = self._place
        receipt = place.environment
        self._events.emit(
            "workspace.ready",
            workdir=str(place.workdir.path),
            kind=place.workdir.kind,
            branch=place.workdir.branch,
            created=place.workdir.created,
        )
        self._events.emit(
            "env.scrubbed",
            **{action: len(receipt.names(action)) for action in ("kept", "dropped", "set")},
        )
        fallback = place.routing.artifacts.fallback_reason
        self._events.emit(
            "artifacts.routed", target=place.routing.cargo.target_dir, fallback=fallback
        )
        for line in (fallback, self._streams.remark, *self._plan.workdir.notes):
            if line:
                self._record.warn(line)
                self._tell(line)
        if self._plan.request.verbose or os.isatty(2):
            self._tell(f"working in {place.workdir.path} ({place.workdir.kind})")

    async def spawn(self) -> None:
        """Start the agent inside its containment."""
        self._record.write(durable=False)
        self._give_custody(self._place.temporary)
        create_temporary(self._place.temporary)
        reply = await self._ask_spawn()
        if reply["event"] == "spawn-failed" and reply["step"] == "cgroup" and self._leaf:
            problem = os.strerror(reply["errno"])
            self._leaf, self._no_leaf = give_up_leaf(
                self._leaf, self._plan.request.containment, problem
            )
            self._owner = replace(self._owner, cgroup=None, mechanism="subreaper")
            self._claim.write_owner(self._owner)
            self._give_custody(self._place.temporary)
            reply = await self._ask_spawn()
        if reply["event"] == "spawn-failed":
            raise _spawn_error(reply, self._place)
        self._streams.close_agent_ends()
        agent = ProcessIdentity(reply["pid"], reply["start_time"], boot_id())
        scope = Scope(self._plan.run_id, self._leaf, self._guardian, frozenset({os.getpid()}))
        self._record.update(
            pid=agent.pid,
            containment={
                "mechanism": scope.mechanism,
                "leaf": self._leaf,
                "why": self._no_leaf,
            },
        )
        self._events.emit("child.spawned", pid=agent.pid, mechanism=scope.mechanism)
        self._watch = Watch(agent, scope, self._plan.ladder, self._link.news, self._events)
        self._scope = scope

    async def _ask_spawn(self) -> Message:
        place = self._place
        path = resolve_command(
            place.argv[0], place.environment.values.get("PATH", os.defpath), place.workdir.path
        )
        spec = {
            "path": path,
            "argv": place.argv,
            "environment": place.environment.values,
            "cwd": os.fspath(place.workdir.path),
            "leaf": self._leaf,
        }
        return await self._link.ask({"op": "spawn", "spec": spec}, self._streams.agent_ends)

    def undo(self, error: BaseException) -> None:
        """Leave nothing of a run whose agent was never started."""
        if hasattr(self, "_record"):
            status = getattr(error, "exit_status", EXIT_FAILED)
            self._record.update(
                finished=now_text(), reason="launch-failed", exit_status=status, error=str(error)
            )
            with suppress(OSError):
                self._record.write(durable=False)
        if hasattr(self, "_streams"):
            self._streams.close()
        if hasattr(self, "_place"):
            remove_temporary(self._place.temporary)
        if hasattr(self, "_owner"):
            discard_leaf(Scope(self._plan.run_id, self._leaf))
            self._claim.write_owner(replace(self._owner, contained=True))

    # -- beside the agent -------------------------------------------------------------

    async def watch(self) -> None:
        """Relay, watch and decide, until the run is over and its output delivered."""
        delivered, hurry = anyio.Event(), anyio.CancelScope()
        look = self._plan.agent == "codex"
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._deliver, hurry, delivered)
            tasks.start_soon(self._watch_session, look)
            await self._watch.run(self._plan.request.timeout)
            if self._watch.guardian_lost:
                await self._end_without_guardian()
            if self._watch.state.reason or self._watch.state.left or self._watch.guardian_lost:
                hurry.deadline = anyio.current_time() + DELIVERY_LIMIT
            tasks.start_soon(self._hurry_on_signal, hurry)
            await delivered.wait()
            tasks.cancel_scope.cancel()

    async def _deliver(self, hurry: anyio.CancelScope, delivered: anyio.Event) -> None:
        await self._streams.deliver(hurry)
        delivered.set()

    async def _watch_session(self, look_at_files: bool) -> None:
        await self._session.watch(lambda: self._scope, look_at_files=look_at_files)

    async def _hurry_on_signal(self, hurry: anyio.CancelScope) -> None:
        if self._link.lost:
            return
        async for news in self._link.news:
            if news["event"] != "signal" or news["signum"] in ENDING_SIGNALS:
                hurry.cancel()

    async def _end_without_guardian(self) -> None:
        """End the run of a dead guardian: its cgroup at once, then whoever carries the tag."""
        self._scope = Scope(self._plan.run_id, self._leaf)
        await anyio.to_thread.run_sync(lambda: end(self._scope, grace=GRACE, patience=PATIENCE))

    def _hear_agent(self, news: StreamNews) -> None:
        if news.thread is not None:
            self._session.suggest(news.thread)
        self._last_word = news.last_word or self._last_word

    def _take_thread(self, thread: str) -> None:
        record_thread(self._plan.paths, thread, self._place.workdir.path, self._plan.agent)
        self._events.emit("thread.started", thread=thread)

    # -- after the agent --------------------------------------------------------------

    async def conclude(self) -> Finished:
        """Read the proof, write the outcome, give everything back."""
        left = await self._read_proof()
        self._streams.close()
        await anyio.to_thread.run_sync(self._session.confirm)
        ended_for = "supervisor-lost" if self._watch.guardian_lost else self._watch.state.reason
        report = report_exit(self._watch.wait_status, ended_for)
        self._events.emit("contained", **self._contained(left))
        after = await anyio.to_thread.run_sync(self._git_after)
        self._record.update(
            **describe_exit(report),
            agent_outcome=agent_outcome(report, self._last_word),
            last_word=self._last_word,
            finished=now_text(),
            duration=round(time.monotonic() - self._started, 3),
            thread=self._session.thread,
            contained=self._contained(left),
            usage=asdict(self._watch.usage) if self._watch.usage else None,
            git={"head_before": self._place.workdir.head, "after": after},
            output={
                name: relay.bytes
                for name, relay in zip(("stdout", "stderr"), self._streams.relays, strict=True)
            },
            events_dropped=self._events.dropped,
        )
        for fault in self._streams.faults():
            self._record.warn(fault)
            self._tell(fault)
        self._write_outcome()
        self._events.emit(
            "run.finished",
            reason=report.reason,
            exit_status=report.status,
            agent_outcome=self._record.content["agent_outcome"],
            thread=self._session.thread,
        )
        self._give_back(proven=not left)
        return Finished(report.status, not left)

    async def _read_proof(self) -> int:
        """Return how many processes are left: members, and children of the guardian."""
        left = {process.pid for process in await anyio.to_thread.run_sync(members, self._scope)}
        if not self._link.lost:
            with suppress(GuardianLost):
                left.update((await self._link.ask({"op": "children"}))["pids"])
        return len(left)

    def _contained(self, left: int) -> dict[str, object]:
        return {
            "mechanism": self._scope.mechanism,
            "proven": left == 0,
            "swept": self._watch.state.swept or 0,
            "left": left,
        }

    def _git_after(self) -> dict[str, object] | None:
        try:
            return describe_git(git_state(self._place.workdir.path, self._place.workdir.base))
        except OperatorError as error:
            self._record.warn(str(error))
            return None

    def _write_outcome(self) -> None:
        try:
            self._record.write(durable=True)
        except OSError as error:
            self._tell(f"the record could not be written: {self._record.path}: {error.strerror}")

    def _give_back(self, *, proven: bool) -> None:
        if not proven:
            self._tell(
                f"processes of run {self._plan.run_id} are left; the next launch of this issue"
                f" ends them first; see {self._record.path}"
            )
            return
        discard_leaf(self._scope)
        remove_temporary(self._place.temporary)
        with suppress(OperatorError):
            self._claim.write_owner(replace(self._owner, contained=True))


def _read_auth(shared_home: os.PathLike[str]) -> bytes | None:
    with suppress(OSError), open(os.path.join(shared_home, "auth.json"), "rb") as file:
        return file.read()
    return None


def _spawn_error(reply: Message, place: Place) -> Exception:
    step, code = reply["step"], reply["errno"]
    if step == "exec":
        if code == errno.ENOENT:
            return CommandNotFound(place.argv[0], "it, or the interpreter its first line names")
        return CommandNotExecutable(place.argv[0], code)
    return OperatorError(f"the agent could not be started: {step}: {os.strerror(code)}")
