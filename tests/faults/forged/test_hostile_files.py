"""What an agent puts in place of files we read: nobody waits, and nothing is read for ever."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from support.commands import codexlab_in_bounds
from support.lab import Lab

pytestmark = pytest.mark.one_python

FLAGS = ["--issue", "1", "--agent", "generic"]
PLACES = (
    "g=$(git rev-parse --git-dir) c=$(git rev-parse --git-common-dir) b=$(git symbolic-ref HEAD)"
)
FIFO = 'rm -f "$p" && mkfifo "$p"'
ZERO = 'rm -f "$p" && ln -s /dev/zero "$p"'
LARGE = 'rm -f "$p" && truncate -s 60G "$p"'
EACH = (FIFO, ZERO, LARGE)
# Each way through our own code that looks at a workspace; a launch comes last.
COMMANDS = (
    ("workspace", "list"),
    ("workspace", "show", "1"),
    ("workspace", "gc", "--idle", "0s"),
    ("workspace", "heal", "1"),
    ("ps", "--all"),
    ("reap",),
)
PATIENCE = 40


def launch(lab: Lab, script: str, *flags: str) -> subprocess.CompletedProcess[str]:
    done = lab.run([*FLAGS, *flags], ["sh", "-c", script], timeout=PATIENCE)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def look_at_all(lab: Lab) -> None:
    """Look in every way there is; each look ends by itself and in words."""
    for words in COMMANDS:
        done = codexlab_in_bounds(lab.environ, *words, timeout=PATIENCE)
        assert done.returncode in (0, 125), (words, done.stderr)


@pytest.mark.parametrize(
    ("place", "damage"),
    [
        *((place, FIFO) for place in (".git", "$g/HEAD", "$g/commondir", "$c/$b")),
        *((place, each) for place in ("$c/config", "$c/packed-refs") for each in EACH),
        ("$g/index", FIFO),
        ("$c/objects/info/alternates", FIFO),
    ],
)
def test_no_file_of_git_is_waited_for_or_read_for_ever(lab: Lab, place: str, damage: str) -> None:
    done = launch(lab, f'{PLACES}; p="{place}"; {damage}')
    assert done.returncode == 0, done.stderr
    (record,) = lab.records
    assert (record["reason"], record["contained"]["left"]) == ("exited", 0)
    look_at_all(lab)
    again = launch(lab, "true")
    assert again.returncode in (0, 125), again.stderr
    removed = codexlab_in_bounds(
        lab.environ, "workspace", "remove", "1", "--force", timeout=PATIENCE
    )
    assert "Traceback" not in removed.stderr


RUN = 'cd "$CODEXLAB_RUN_WORKDIR/../.codexlab"; r="runs/$CODEXLAB_RUN_ID"'
ALIVE = ["--agent", "generic", "--no-repo", "--stdin", "inherit"]


def wait_for_word(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"


@pytest.mark.parametrize("damage", EACH, ids=["fifo", "zero", "large"])
def test_ps_lists_all_runs_whatever_one_of_them_made_of_its_events(lab: Lab, damage: str) -> None:
    script = f'{RUN}; p="$r/events.ndjson"; {damage}; echo ready; exec sleep 313.7'
    quiet = ["sh", "-c", "echo ready; exec sleep 313.7"]
    with (
        lab.started(["--issue", "1", *ALIVE], ["sh", "-c", script], stdin=subprocess.PIPE) as one,
        lab.started(["--issue", "2", *ALIVE], quiet, stdin=subprocess.PIPE) as two,
    ):
        for run in (one, two):
            wait_for_word(run.process)
        done = codexlab_in_bounds(lab.environ, "ps", "--json", timeout=PATIENCE)
        assert "Traceback" not in done.stderr
        found = {run["issue"]: run["state"] for run in json.loads(done.stdout)}
        assert (set(found), found["2"]) == ({"1", "2"}, "running")
        for run in (one, two):
            run.signal(signal.SIGTERM)
            assert run.finish()[0] == 143


@pytest.mark.parametrize("damage", [*EACH, "rm $p; mkdir $p"])
@pytest.mark.parametrize("name", ["$r/record.json", "owner.json", "$r/events.ndjson"])
def test_a_guardian_ends_the_run_of_a_dead_supervisor_whatever_lies_where_its_records_were(
    lab: Lab, name: str, damage: str
) -> None:
    script = f'{RUN}; p="{name}"; {damage}; setsid sleep 313.7 & echo ready; exec sleep 313.7'
    with lab.started(["--issue", "1", *ALIVE], ["sh", "-c", script], stdin=subprocess.PIPE) as run:
        wait_for_word(run.process)
        os.kill(run.supervisor, signal.SIGKILL)
        status, _, said = run.finish()
    assert status == 125
    assert "nothing it started is left" in said
    assert "Traceback" not in said
    # Not the lock of a workspace that is held, whatever else is wrong with it.
    assert lab.run(["--issue", "1", *ALIVE], ["true"]).returncode in (0, 125)


@pytest.mark.parametrize("name", ["record.json", "events.ndjson"])
def test_a_guardian_writes_through_no_link(lab: Lab, scratch: Path, name: str) -> None:
    target = scratch / "precious"
    target.write_text("{}\n")
    script = f'{RUN}; ln -sf {target} "$r/{name}"; echo ready; exec sleep 313.7'
    with lab.started(["--issue", "1", *ALIVE], ["sh", "-c", script], stdin=subprocess.PIPE) as run:
        wait_for_word(run.process)
        os.kill(run.supervisor, signal.SIGKILL)
        assert run.finish()[0] == 125
    assert target.read_text() == "{}\n"


@pytest.mark.parametrize("linked", ["runs", "."])
def test_nothing_is_written_through_a_link_in_the_place_of_a_directory(
    lab: Lab, scratch: Path, linked: str
) -> None:
    """The directory of the run that ends, or all of ours, leads elsewhere when it is finished."""
    out = scratch / "out"
    moved = f"cp -a . {out} && rm -rf ../.codexlab && ln -s {out} ../.codexlab"
    if linked == "runs":
        moved = f"cp -a runs {out} && rm -rf runs && ln -s {out} runs"
    for dies in (True, False):
        script = f"{RUN}; {moved}; echo ready; exec sleep 313.7"
        with lab.started(
            ["--issue", f"1{dies}", *ALIVE], ["sh", "-c", script], stdin=subprocess.PIPE
        ) as run:
            wait_for_word(run.process)
            before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
            if dies:
                os.kill(run.supervisor, signal.SIGKILL)
            else:
                run.signal(signal.SIGTERM)
            assert run.finish()[0] == (125 if dies else 143)
        after = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
        assert {path.name for path in after if after[path] != before.get(path)} == set()
        subprocess.run(["rm", "-rf", out], check=True)


@pytest.mark.parametrize("name", [".gitignore", ".gitattributes"])
def test_git_does_not_wait_for_rules_in_a_working_tree(lab: Lab, name: str) -> None:
    done = launch(lab, f"p={name}; {FIFO}; echo work >new")
    assert done.returncode == 0, done.stderr
    (record,) = lab.records
    assert record["git"]["after"] is None
    told = f"{name}: expected a file, found a fifo; remove it"
    assert any(told in warning for warning in record["warnings"])
    kept = codexlab_in_bounds(
        lab.environ, "workspace", "gc", "--idle", "0s", "--json", timeout=PATIENCE
    )
    (verdict,) = json.loads(kept.stdout)["workspaces"]
    assert verdict["action"] == "keep"
    assert "cannot be judged" in verdict["findings"][0]
    assert told in verdict["findings"][0]


@pytest.mark.parametrize("damage", EACH, ids=["fifo", "zero", "large"])
def test_a_login_that_an_agent_replaced_in_the_shared_home_is_not_waited_for(
    lab: Lab, shared_home: Path, damage: str
) -> None:
    flags = ["--issue", "1", "--agent", "codex", "--no-repo"]
    own = 'rm -f "$CODEX_HOME/auth.json"; echo "{}" >"$CODEX_HOME/auth.json"'
    script = f'{own}; p="{shared_home}/auth.json"; {damage}'
    assert lab.run(flags, ["sh", "-c", script], timeout=PATIENCE).returncode == 0
    limited = lab.argv(flags, ["true"])
    again = lab.call(["prlimit", f"--as={4 << 30}", "--", *limited], timeout=PATIENCE)
    assert "Traceback" not in again.stderr, again.stderr
    assert again.returncode in (0, 125)


@pytest.mark.parametrize("damage", EACH, ids=["fifo", "zero", "large"])
def test_notes_of_kept_rollouts_that_an_agent_replaced_are_not_waited_for(
    lab: Lab, shared_home: Path, damage: str
) -> None:
    kept = shared_home / ".codexlab-retired"
    script = f"mkdir -p {kept}; p={kept}/0123456789abcdef.jsonl; {damage}"
    flags = ["--issue", "1", "--agent", "codex", "--no-repo"]
    assert lab.run(flags, ["sh", "-c", script], timeout=PATIENCE).returncode == 0
    for words in (("sweep",), ("verify",), ("list",), ("stats",)):
        done = codexlab_in_bounds(lab.environ, "rollout", *words, timeout=PATIENCE)
        assert "Traceback" not in done.stderr, (words, done.stderr)
        assert done.returncode in (0, 1, 75, 125), (words, done.stderr)


@pytest.mark.parametrize(
    "place", ["$g/HEAD", "$c/objects/info/alternates", "$c/refs/heads/aaa", "$c/refs/tags/deep/t"]
)
def test_another_issue_is_told_at_once_of_a_file_that_git_would_wait_for(
    lab: Lab, place: str
) -> None:
    script = f'{PLACES}; p="{place}"; mkdir -p "${{p%/*}}"; {FIFO}'
    assert launch(lab, script).returncode == 0
    other = lab.run(["--issue", "2", "--agent", "generic"], ["true"])
    assert other.returncode == 125
    assert "expected a file, found a special file; remove it" in other.stderr
    assert len(other.stderr.splitlines()) == 1
