"""Hooks around a run: what they see, what they leave, and how they end a launch."""

from __future__ import annotations

import json
import secrets
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.commands import run_to_end
from support.lab import running

from codexlab.supervisor import LaunchRequest, Run, RunOutcome, open_run

Go = Callable[..., "Launched"]


@pytest.fixture
def anyio_backend() -> str:
    return "trio"


@pytest.fixture
def mark() -> str:
    """An argument for sleep that no other test uses."""
    return f"314.{secrets.randbits(40)}"


class Launched:
    """One launch, carried out in this process, and what it left."""

    def __init__(self, request: LaunchRequest) -> None:
        self._request = request
        self.events: list[dict[str, Any]] = []
        self.messages: list[str] = []

    async def over(self, during: Callable[[Run, dict[str, Any]], None] | None = None) -> RunOutcome:
        """Carry it out, with a look at each event, and return how it ended."""
        async with open_run(self._request) as run:
            async for event in run.events():
                self.events.append(event)
                if during is not None:
                    during(run, event)
            self.outcome = await run.outcome()
            self.messages = run.messages
        return self.outcome

    @property
    def workspace(self) -> Path:
        (control,) = self._request.workspaces_root.glob("*/*/*/.codexlab")
        return control.parent

    @property
    def trail(self) -> list[str]:
        """The words that hooks and agent wrote into the workdir."""
        path = self.workspace / "workdir" / "trail"
        return path.read_text().split() if path.exists() else []

    @property
    def record(self) -> dict[str, Any]:
        path = self.workspace / ".codexlab" / "runs" / str(self.outcome.run_id) / "record.json"
        record: dict[str, Any] = json.loads(path.read_bytes())
        return record

    @property
    def hooks(self) -> dict[str, dict[str, Any]]:
        return {hook["name"]: hook for hook in self.record.get("hooks", [])}

    def log(self, name: str) -> str:
        return Path(self.hooks[name]["log"]).read_text()


@pytest.fixture
def launch(
    clean_environ: Mapping[str, str], source_repo: Path, workspaces_root: Path, shared_home: Path
) -> Go:
    def make(*command: str, hooks: Mapping[str, Any], **fields: Any) -> Launched:
        request = LaunchRequest(
            issue="1",
            command=command,
            environ=dict(clean_environ),
            cwd=source_repo,
            workspaces_root=workspaces_root,
            shared_home=shared_home,
            stdin="null",
            no_repo=True,
            grace=0.2,
            hooks=hooks,
        )
        return Launched(replace(request, **fields))

    return make


@pytest.mark.anyio
async def test_a_hook_sees_the_agents_environment_and_the_last_one_how_the_run_ended(
    launch: Go, clean_environ: Mapping[str, str]
) -> None:
    show = "env -0 > ../$CODEXLAB_HOOK"
    run = launch(
        *("sh", "-c", "exit 7"),
        hooks={"before_run": show, "after_run": show},
        environ={**clean_environ, "PLAIN": "not for agents", "CODEXLAB_HOOK_BEFORE_RUN": "x"},
        set_values=(("MINE", "x"),),
    )
    outcome = await run.over()
    seen: dict[str, dict[str, str]] = {}
    for name in ("before_run", "after_run"):
        pairs = (run.workspace / name).read_text().split("\0")
        seen[name] = dict(pair.split("=", 1) for pair in pairs if pair)
    for name, environ in seen.items():
        assert environ["CODEXLAB_HOOK"] == name
        assert environ["CODEXLAB_RUN_ID"] == outcome.run_id
        assert environ["CODEXLAB_RUN_WORKSPACE"] == str(run.workspace)
        assert environ["PWD"] == str(run.workspace / "workdir")
        assert environ["MINE"] == "x"
        assert not {"PLAIN", "CODEXLAB_HOOK_BEFORE_RUN"} & environ.keys()
    told = {
        name: seen["after_run"].get(f"CODEXLAB_RUN_{name}")
        for name in ("REASON", "EXIT_STATUS", "OUTCOME", "RECORD")
    }
    record = str(run.workspace / ".codexlab" / "runs" / str(outcome.run_id) / "record.json")
    assert list(told.values()) == ["exited", "7", "failed", record]
    assert "CODEXLAB_RUN_REASON" not in seen["before_run"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("exit 3", "ended with status 3; see "),
        ("kill -9 $$", "ended with status 137; see "),
        ("no-such-command-of-mine", "ended with status 127; see "),
        (("no-such-program", "x"), "could not be started: command not found: 'no-such-program'"),
        (("./trail",), "could not be started: command not found: './trail'"),
    ],
)
@pytest.mark.anyio
async def test_a_failing_before_run_prevents_the_agent_and_is_one_line(
    launch: Go, command: Any, said: str
) -> None:
    last = "echo $CODEXLAB_RUN_REASON >> trail"
    run = launch(
        "sh", "-c", "echo agent >> trail", hooks={"before_run": command, "after_run": last}
    )
    outcome = await run.over()
    assert (outcome.status, outcome.reason) == (125, "launch-failed")
    (line,) = run.messages
    assert line == outcome.error
    assert line.startswith(f"hook before_run {said}")
    assert line.endswith("; the agent was not started")
    # What a hook before it set up is undone by the one after it.
    assert run.trail == ["launch-failed"]
    assert run.events[-1]["event"] == "run.finished"


@pytest.mark.anyio
async def test_other_hooks_that_fail_are_recorded_and_change_no_status(launch: Go) -> None:
    run = launch("sh", "-c", "exit 6", hooks={"after_create": "exit 4", "after_run": "exit 5"})
    outcome = await run.over()
    assert (outcome.status, outcome.reason) == (6, "exited")
    assert [hook["exit_status"] for hook in run.hooks.values()] == [4, 5]
    assert run.record["warnings"] == run.messages[:2]
    assert "hook after_create ended with status 4" in run.messages[0]
    assert run.messages[0].endswith("; it runs again at the next launch")


@pytest.mark.anyio
async def test_after_create_runs_again_until_it_has_ended_well_once(launch: Go) -> None:
    hook = "echo x >> trail; test $(wc -l < trail) -ge 2"
    runs = [launch("true", hooks={"after_create": hook}) for _ in range(4)]
    for run in runs:
        await run.over()
    assert ["after_create" in run.hooks for run in runs] == [True, True, False, False]
    assert runs[0].trail == ["x", "x"]


@pytest.mark.anyio
async def test_after_create_runs_only_in_a_directory_that_is_new_to_the_workspace(
    launch: Go,
) -> None:
    hooks = {"after_create": "echo x >> trail"}
    run = launch("true", hooks={})
    await run.over()
    again = launch("true", hooks=hooks)
    await again.over()
    assert again.trail == []
    (run.workspace / "workdir").rename(run.workspace / "away")
    await launch("true", hooks=hooks).over()
    assert run.trail == ["x"]


@pytest.mark.parametrize("containment", ["auto", "subreaper"])
@pytest.mark.anyio
async def test_what_a_hook_leaves_is_swept_and_counted_before_the_agent_starts(
    launch: Go, mark: str, containment: str
) -> None:
    leave = f"setsid sleep {mark} >/dev/null 2>&1 & sleep {mark} & exit 0"
    beside: list[object] = []

    def look(_: Run, event: dict[str, Any]) -> None:
        if event["event"] == "hook.finished":
            beside.extend(running(mark))

    run = launch("true", hooks={"before_run": leave}, containment=containment)
    outcome = await run.over(look)
    assert outcome.status == 0, outcome.error
    assert beside == []
    hook = run.hooks["before_run"]
    assert (hook["status"], hook["left"]) == ("completed", 0)
    assert hook["swept"] == 2
    assert run.record["contained"]["swept"] == 0


@pytest.mark.anyio
async def test_a_hook_has_a_limit_and_ignoring_term_does_not_help_it(launch: Go, mark: str) -> None:
    stay = f"trap '' TERM; while :; do sleep {mark}; done"
    run = launch("true", hooks={"before_run": stay}, hook_timeout=1.0)
    outcome = await run.over()
    assert outcome.status == 125
    assert "hook before_run was ended after " in str(outcome.error)
    assert (run.hooks["before_run"]["status"], run.hooks["before_run"]["left"]) == ("timeout", 0)
    sent = [event["signal"] for event in run.events if event["event"] == "signal.sent"]
    assert sent == ["SIGTERM", "SIGTERM", "SIGKILL"]
    assert {event.get("hook") for event in run.events if event["event"] == "signal.sent"} == {
        "before_run"
    }
    assert running(mark) == set()


@pytest.mark.anyio
async def test_secrets_are_masked_and_size_is_bounded_in_a_hooks_log(
    launch: Go, clean_environ: Mapping[str, str]
) -> None:
    secret = "sk-told-by-a-hook-0123456789"
    run = launch(
        "true",
        hooks={"before_run": f"echo the key is {secret} >&2", "after_run": "yes | head -c 2000000"},
        environ={**clean_environ, "DEPLOY_TOKEN": secret},
        log_max_bytes=300_000,
    )
    outcome = await run.over()
    assert run.log("before_run") == "the key is ***\n"
    directory = run.workspace / ".codexlab" / "runs" / str(outcome.run_id)
    sizes = [path.stat().st_size for path in directory.glob("hook-after_run.log*")]
    assert len(sizes) == 2
    assert max(sizes) <= 300_000
    assert all(secret.encode() not in path.read_bytes() for path in directory.iterdir())


@pytest.mark.anyio
async def test_a_signal_during_before_run_ends_it_and_the_run(launch: Go, mark: str) -> None:
    def end(run: Run, event: dict[str, Any]) -> None:
        if event["event"] == "hook.started" and event["name"] == "before_run":
            run.stop()

    last = "echo $CODEXLAB_RUN_REASON >> trail"
    run = launch(
        *("sh", "-c", "echo agent >> trail"),
        hooks={"before_run": f"sleep {mark}", "after_run": last},
    )
    outcome = await run.over(end)
    assert (outcome.status, outcome.reason) == (143, "cancelled")
    assert str(outcome.error).endswith("before the agent was started; hook before_run was ended")
    assert run.trail == ["cancelled"]
    assert running(mark) == set()


@pytest.mark.anyio
async def test_a_signal_while_what_a_hook_left_is_swept_keeps_the_agent_from_starting(
    launch: Go, mark: str
) -> None:
    stubborn = f"setsid sh -c 'trap \"\" TERM; : > ../ready; sleep {mark}' & "
    hooks = {"before_run": stubborn + "until test -e ../ready; do :; done"}
    run = launch("sh", "-c", "echo agent >> trail", hooks=hooks)

    def interrupt(running_now: Run, event: dict[str, Any]) -> None:
        if event["event"] == "signal.sent" and event["signal"] == "SIGTERM":
            running_now.stop()

    outcome = await run.over(interrupt)
    assert (outcome.reason, outcome.status) == ("cancelled", 143)
    assert run.trail == []
    assert (run.hooks["before_run"]["swept"], run.hooks["before_run"]["left"]) == (2, 0)
    assert not running(mark)


@pytest.mark.anyio
async def test_a_signal_during_after_run_ends_that_and_not_the_runs_own_end(
    launch: Go, mark: str
) -> None:
    def end(run: Run, event: dict[str, Any]) -> None:
        if event["event"] == "hook.started":
            run.signal(signal.SIGINT)

    run = launch("sh", "-c", "exit 9", hooks={"after_run": f"sleep {mark}"})
    outcome = await run.over(end)
    assert (outcome.status, outcome.reason) == (9, "exited")
    assert run.hooks["after_run"]["status"] == "cancelled"
    assert "hook after_run was ended: cancelled" in run.messages[0]
    assert running(mark) == set()


@pytest.mark.anyio
async def test_after_run_follows_every_end_of_a_run(launch: Go, mark: str) -> None:
    hooks = {"after_run": "echo $CODEXLAB_RUN_REASON >> trail"}

    def end(run: Run, event: dict[str, Any]) -> None:
        if event["event"] == "child.spawned":
            run.stop()

    assert (await launch("sleep", mark, hooks=hooks, timeout=2.0).over()).status == 124
    assert (await launch("sleep", mark, hooks=hooks).over(end)).status == 143
    run = launch("./no-such-file", hooks=hooks)
    assert (await run.over()).status == 127
    assert run.trail == ["timeout", "cancelled", "launch-failed"]


@pytest.mark.anyio
async def test_a_refused_run_has_no_hooks(launch: Go, mark: str) -> None:
    hooks = dict.fromkeys(("before_run", "after_run"), "echo x >> trail")

    async def second() -> RunOutcome:
        return await launch("true", hooks=hooks).over()

    first = launch("sleep", mark, hooks={})
    async with open_run(first._request) as run:
        async for event in run.events():
            if event["event"] == "child.spawned":
                break
        assert (await second()).status == 75
    assert first.trail == []


@pytest.mark.anyio
async def test_hooks_surround_all_attempts_once(launch: Go) -> None:
    hook = "echo $CODEXLAB_HOOK >> trail"
    run = launch(
        *("sh", "-c", "echo agent >> trail; exit 1"),
        hooks={"before_run": hook, "after_run": hook},
        retries=1,
    )
    await run.over()
    assert run.trail == ["before_run", "agent", "agent", "after_run"]


@pytest.mark.anyio
async def test_the_memory_limit_holds_for_hooks_and_what_one_used_is_not_the_agents(
    launch: Go,
) -> None:
    eat = (sys.executable, "-c", "kept = b'x' * 2**27; import time; time.sleep(60)")
    run = launch("true", hooks={"after_create": eat}, memory_max=2**26)
    outcome = await run.over()
    assert (outcome.status, outcome.reason) == (0, "exited")
    assert run.hooks["after_create"]["status"] == "memory"


@pytest.mark.parametrize(
    "hooks", [{"befor_run": "x"}, {"before_remove": "x"}, {"before_run": " "}, {"after_run": ()}]
)
@pytest.mark.anyio
async def test_a_hook_that_would_never_run_is_refused(
    launch: Go, hooks: Mapping[str, Any], workspaces_root: Path
) -> None:
    outcome = await launch("true", hooks=hooks).over()
    assert outcome.status == 125
    (name,) = hooks
    assert str(outcome.error).startswith(f"hook {name!r}: expected ")
    assert not workspaces_root.exists()


def test_without_hooks_nothing_is_loaded_for_them(clean_environ: Mapping[str, str]) -> None:
    script = (
        "import sys, codexlab.supervisor.run.launch\n"
        "hooks = [m for m in sys.modules if 'hook' in m and 'codexlab.supervisor' in m]\n"
        "print([m for m in hooks if not m.endswith('.settings.hook_names')])"
    )
    done = run_to_end([sys.executable, "-c", script], clean_environ)
    assert done.stdout == "[]\n", done.stderr
