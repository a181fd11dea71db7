"""An agent's text commands no terminal and leads no shell, whichever command prints it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.lab import Lab
from support.workspace.forging import change, codexlab, workspace_of

ISSUE = ["--issue", "1", "--agent", "generic"]
EVIL = {
    "newline": "/tmp/a\nstate      forged",
    "escape": "/tmp/\x1b[2J\x1b]0;owned\x07",
    "c1": "/tmp/\x9b2J",
    "bidi": "/tmp/\u202egpj.exe",
    "separator": "/tmp/a\u2028b",
    "return": "/tmp/a\rb",
    "parent": "/tmp/../../etc",
    "another": "/etc",
    "huge": "/" + "x" * 5000,
}
COMMANDS = [
    ("workspace", "list"),
    ("workspace", "show", "1"),
    ("workspace", "path", "1"),
    ("workspace", "path", "1", "--top"),
    ("workspace", "heal", "1"),
    ("workspace", "gc", "--idle", "0s"),
    ("diff", "1"),
    ("commit", "1"),
    ("merge", "1"),
    ("push", "1"),
    ("ps", "--all"),
    ("show", "1"),
    ("reap",),
    ("reap", "--dry-run"),
    ("workspace", "remove", "1"),
]
# What a terminal obeys, and what turns or breaks the text around it.
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


@pytest.fixture
def used(lab: Lab) -> Lab:
    """A caller with a workspace in which an agent has worked."""
    assert lab.run([*ISSUE, "--no-repo"], ["true"]).returncode == 0
    return lab


def records(lab: Lab) -> Iterator[Path]:
    control = workspace_of(lab, "1") / ".codexlab"
    yield from (control / name for name in ("owner.json", "workspace.json", "threads.json"))
    yield from control.glob("runs/*/record.json")


def forge(path: Path, text: str) -> None:
    """Put a text into every field that is a text, and into a thread."""
    known = json.loads(path.read_bytes())
    kept = ("run_id", "project", "issue", "agent", "state", "kind")
    texts = {name: text for name, value in known.items() if isinstance(value, str)}
    given = {name: text for name, value in known.items() if value is None}
    changed: dict[str, object] = {**texts, **given}
    changed = {name: value for name, value in changed.items() if name not in kept}
    if path.name == "threads.json":
        thread = {"id": "a-thread", "cwd": text, "agent": text, "seen": text}
        changed = {"threads": [thread], "cargo_key": known["cargo_key"]}
    if path.name == "workspace.json":
        # Of these a wrong kind makes the whole record damaged, which is another test's.
        changed = dict.fromkeys(("workdir", "created", "git_dir"), text)
    change(path, **changed)


def printed(lab: Lab, words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    done = codexlab(lab, *words)
    assert "Traceback" not in done.stderr
    for text in (done.stdout, done.stderr):
        assert not OBEYED.search(text), (words, text)
        assert "\nstate      forged" not in text, (words, text)
    return done


@pytest.mark.parametrize("kind", sorted(EVIL))
def test_no_command_prints_what_a_terminal_obeys(used: Lab, kind: str) -> None:
    for words in COMMANDS[:-1]:
        for path in records(used):
            forge(path, EVIL[kind])
        printed(used, words)
    printed(used, COMMANDS[-1])


@pytest.mark.parametrize("kind", sorted(EVIL))
def test_the_path_for_a_shell_is_the_real_one_or_an_error(used: Lab, kind: str) -> None:
    place = workspace_of(used, "1")
    change(place / ".codexlab/workspace.json", workdir=EVIL[kind], kind="given")
    done = codexlab(used, "workspace", "path", "1")
    assert (done.returncode, done.stdout) == (125, "")
    assert "names it, but the last run worked in" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("flag", [(), ("--home",), ("--context",), ("--top",)])
def test_no_path_for_a_shell_leads_through_a_link(
    used: Lab, scratch: Path, flag: tuple[str, ...]
) -> None:
    place = workspace_of(used, "1")
    names = {"": "workdir", "--home": "codex-home", "--context": "context"}
    if flag == ("--top",):
        assert codexlab(used, "workspace", "path", "1", *flag).stdout == f"{place}\n"
        return
    path = place / names["".join(flag)]
    if path.exists():
        path.rename(place / "was")
    path.symlink_to(scratch)
    done = codexlab(used, "workspace", "path", "1", *flag)
    assert (done.returncode, done.stdout) == (125, "")
    assert f"{path}: is a link to {scratch}" in done.stderr


def test_the_path_of_a_given_directory_is_printed(lab: Lab, scratch: Path) -> None:
    given = scratch / "given"
    given.mkdir()
    assert lab.run([*ISSUE, "--workdir", str(given)], ["true"]).returncode == 0
    assert codexlab(lab, "workspace", "path", "1").stdout == f"{given}\n"
    change(workspace_of(lab, "1") / ".codexlab/workspace.json", workdir=None)
    assert codexlab(lab, "workspace", "path", "1").stdout == f"{given}\n"
    given.rename(scratch / "was")
    given.symlink_to("/etc")
    done = codexlab(lab, "workspace", "path", "1")
    assert (done.returncode, done.stdout) == (125, "")
    assert "it is gone or another directory" in done.stderr


def test_a_directory_that_no_run_is_known_to_have_used_is_not_printed(
    used: Lab, scratch: Path
) -> None:
    change(workspace_of(used, "1") / ".codexlab/workspace.json", workdir=str(scratch))
    environ = {**used.environ, "XDG_STATE_HOME": str(scratch / "another")}
    done = codexlab(replace(used, environ=environ), "workspace", "path", "1")
    assert (done.returncode, done.stdout) == (125, "")
    assert "no run that is known here worked there" in done.stderr
