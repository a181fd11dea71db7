"""``codexlab show``: what is known of a run, be it live, over, refused, or its workspace gone."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any

from support.lab import Lab

FLAGS = ["--agent", "generic", "--stdin", "inherit"]


def shown(lab: Lab, *names: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(lab.codexlab("show", "--json", *names).stdout)
    return found


def lines(lab: Lab, name: str) -> dict[str, str]:
    done = lab.codexlab("show", name)
    assert (done.returncode, done.stderr) == (0, "")
    return {line[:10].strip(): line[10:] for line in done.stdout.splitlines() if line[:1] != " "}


def test_a_run_that_failed_tells_why_and_what_it_changed(lab: Lab) -> None:
    lab.run(["--issue", "12", *FLAGS], ["sh", "-c", "echo a > new; echo no credit >&2; exit 3"])
    (record,) = lab.records
    found = lines(lab, "12")
    assert found["state"] == "failed: exit 3: no credit"
    assert found["command"] == "sh -c 'echo a > new; echo no credit >&2; exit 3'"
    assert found["where"] == f"{record['workdir']['path']} (worktree)"
    assert found["branch"] == record["workdir"]["branch"]
    assert found["outcome"] == "failed, exit 3, reason exited"
    assert found["proof"].startswith("the kernel showed nothing left running (")
    assert found["changed"] == "uncommitted changes"
    assert found["next"] == f"codexlab logs {record['run_id']}"
    (values,) = shown(lab, "12")
    assert values["next"][1] == "codexlab diff 12"
    assert (values["duration"], values["dirty"]) == (record["duration"], True)
    assert values["proof"]["empty"] is True
    assert values["sees"][0].endswith(" variables")


def test_a_live_run_shows_what_it_uses_and_how_to_end_it(lab: Lab) -> None:
    agent = ["sh", "-c", "echo ready; read line"]
    with lab.started(["--issue", "1", *FLAGS], agent, stdin=subprocess.PIPE) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"ready\n"
        run.wait_for_event("child.spawned")
        (values,) = shown(lab, "1")
        assert (values["state"], values["finished"], values["proof"]) == ("running", None, None)
        assert values["memory"] > 100_000
        assert values["next"] == [
            f"codexlab logs -f {values['run_id']}",
            f"codexlab stop {values['run_id']}",
        ]
        assert lines(lab, "-")["used"].startswith("1 process, ")
        run.signal(signal.SIGTERM)
        run.finish()


def test_a_refused_run_and_one_whose_workspace_is_gone_are_shown(lab: Lab) -> None:
    lab.run(["--issue", "1", *FLAGS], ["no-such-command-here"])
    lab.run(["--issue", "2", *FLAGS], ["true"])
    assert lab.codexlab("workspace", "remove", "2").returncode == 0
    assert lines(lab, "1")["state"].startswith("not started: ")
    gone = lines(lab, "2")
    assert (gone["state"], gone["command"]) == ("done", "true")
    assert gone["proof"].startswith("the kernel showed nothing left running (")
    assert "next" not in gone
    first, second = shown(lab, "2", "1")
    assert (first["issue"], second["issue"], first["next"]) == ("2", "1", [])


def test_an_unknown_run_is_one_line(lab: Lab) -> None:
    done = lab.codexlab("show", "nothing")
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr == "codexlab: nothing: no run has that name; see codexlab ps --all\n"
