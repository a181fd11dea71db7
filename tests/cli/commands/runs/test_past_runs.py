"""The history of real launches outlives their workspaces, and is made anew from them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.lab import Lab
from support.processes.killing import kill_at_once

from codexlab.supervisor.history.database import history_path
from codexlab.supervisor.records.ended import move_ended
from codexlab.supervisor.records.registry import read_entries, registry_directory

FLAGS = ["--agent", "generic", "--no-repo"]


def launch(lab: Lab, issue: str, *command: str) -> None:
    lab.run(["--issue", issue, *FLAGS], command or ["true"])


def listed(lab: Lab) -> list[dict[str, Any]]:
    found = lab.codexlab("ps", "--all", "--json")
    assert (found.returncode, found.stderr) == (0, "")
    runs: list[dict[str, Any]] = json.loads(found.stdout)
    return [{name: value for name, value in run.items() if name != "age"} for run in runs]


def move() -> None:
    move_ended([], lambda line: pytest.fail(line))


def test_a_run_of_a_removed_workspace_is_still_listed(lab: Lab) -> None:
    launch(lab, "1", "sh", "-c", "echo said; exit 3")
    before = listed(lab)
    assert lab.codexlab("workspace", "remove", "1").returncode == 0
    move()
    (after,) = listed(lab)
    assert read_entries() == []
    assert after == {**before[0], "record": None}
    assert (after["issue"], after["exit_status"]) == ("1", 3)


def test_an_entry_keeps_what_the_record_knew(lab: Lab) -> None:
    launch(lab, "1", "sh", "-c", "echo said; exit 3")
    (entry,) = read_entries()
    (record,) = lab.records
    facts = entry.facts
    assert facts.command == ("sh", "-c", "echo said; exit 3")
    assert facts.workdir == record["workdir"]["path"]
    assert (facts.duration, facts.exit_code) == (record["duration"], 3)
    assert (facts.mechanism, facts.proven) == (record["contained"]["mechanism"], True)
    assert facts.log_size == len("said\n")
    assert facts.head_before == record["git"]["head_before"]


def test_secrets_in_a_command_are_not_written_down(lab: Lab) -> None:
    secret = "hunter2-hunter2"
    lab.environ["SOME_API_KEY"] = secret
    lab.run(["--issue", "1", *FLAGS, "--pass", "SOME_API_KEY"], ["sh", "-c", f": {secret} \n"])
    (entry,) = read_entries()
    assert entry.facts.command == ("sh", "-c", ": *** \n")
    (path,) = registry_directory().iterdir()
    assert secret not in path.read_text()


@pytest.mark.parametrize("lost", ["the history", "the state directory"])
def test_a_lost_history_is_made_anew_from_what_workspaces_and_entries_know(
    lab: Lab, lost: str
) -> None:
    for issue in ("1", "2", "2"):
        launch(lab, issue)
    move()
    launch(lab, "3")
    before = listed(lab)
    assert len(before) == 4
    if lost == "the history":
        history_path().unlink()
    else:
        os.rename(history_path().parent, history_path().parent.with_name("other"))
    assert [run["run_id"] for run in listed(lab)] == [run["run_id"] for run in before]


def test_records_that_an_agent_forged_make_no_runs(lab: Lab, scratch: Path) -> None:
    launch(lab, "1")
    (run,) = listed(lab)
    runs = lab.workspace / ".codexlab" / "runs"
    record = json.loads((runs / run["run_id"] / "record.json").read_text())
    forged: dict[str, Any] = {
        "20260101T000000Z-00000001": {},
        "20260101T000000Z-00000002": {"reason": ["exited"]},
        "20260101T000000Z-00000003": {"run_id": run["run_id"]},
        "29990101T000000Z-00000004": {"started": "2999-01-01T00:00:00.000Z"},
        "no run": {},
    }
    for name, values in forged.items():
        (runs / name).mkdir()
        changed: object = {**record, "run_id": name, **values} if values else None
        (runs / name / "record.json").write_text(json.dumps(changed))
    (runs / "20260101T000000Z-00000005").symlink_to(runs / run["run_id"])
    (runs / "20260101T000000Z-00000006").mkdir()
    os.mkfifo(runs / "20260101T000000Z-00000006" / "record.json")
    os.truncate(runs / "20260101T000000Z-00000001" / "record.json", 60 << 30)
    wild = "20260102T000000Z-00000007"
    (runs / wild).mkdir()
    text = {"run_id": wild, "issue": "of another", "error": "e" * 9000}
    other: dict[str, Any] = {"git": 7, "workdir": [], "command": {"a": 1}, "thread": {}}
    (runs / wild / "record.json").write_text(json.dumps({**record, **text, **other}))
    history_path().unlink(missing_ok=True)
    found = {each["run_id"]: each for each in listed(lab)}
    assert set(found) == {run["run_id"], wild}
    assert found[run["run_id"]] == run
    # The place says whose it is, and sizes are bounded.
    assert (found[wild]["issue"], len(found[wild]["error"]), found[wild]["thread"]) == (
        "1",
        2000,
        None,
    )


def test_the_entry_of_a_killed_run_is_finished_by_reap_and_by_the_next_launch(lab: Lab) -> None:
    for next_step in ("reap", "launch"):
        flags = ["--issue", next_step, *FLAGS, "--stdin", "inherit"]
        agent = ["sh", "-c", "echo ready; read line"]
        with lab.started(flags, agent, stdin=subprocess.PIPE) as run:
            assert run.process.stdout is not None
            assert run.process.stdout.readline() == b"ready\n"
            supervisor = run.supervisor
            kill_at_once(run.guardian, supervisor)
            run.process.wait(30)
            while os.read(run.events_fd, 65536):
                pass
        if next_step == "reap":
            assert lab.codexlab("reap").returncode == 0
        else:
            launch(lab, next_step)
        entry = next(entry for entry in read_entries() if entry.issue == next_step)
        assert (entry.reason, entry.exit_status) == ("supervisor-lost", 125)
        assert entry.facts.command == tuple(agent)


def test_a_launch_moves_nothing_until_many_have_gathered(lab: Lab) -> None:
    launch(lab, "1")
    assert not history_path().exists()
