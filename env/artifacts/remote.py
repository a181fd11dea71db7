"""Places beyond this machine: the remote compile host, and the runners as GitHub sees them.

They are asked only on request, each with its own limit of time. A missing answer becomes a row that
says so.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ...kernel.files.regular_file import read_regular
from ...kernel.json_object import parse_json_object
from .repository import Repository, ask_git

HOST_VARIABLE = "CODEX_LAB_REMOTE_COMPILE_HOST"
_SECONDS = 5
_PROBE = "hostname; for p in cargo rustc; do command -v $p && $p --version; done"
_GITHUB = r"github\.com[:/](?P<owner>[\w.-]+)/(?P<repo>[\w.-]+?)(\.git)?/?$"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question beyond this machine.

    :param ok: whether an answer came.
    :param text: the answer, or why there is none; in one line.
    """

    name: str
    ok: bool
    text: str


def ask_compile_host(environment: Mapping[str, str]) -> Answer | None:
    """Ask the remote compile host for its name and toolchain by ssh, without any prompt.

    :returns: None when no host is configured.
    """
    host = environment.get(HOST_VARIABLE)
    if not host:
        return None
    if host.startswith("-"):
        return Answer(host, ok=False, text="not a host name")
    options = ["-o", "BatchMode=yes", "-o", f"ConnectTimeout={_SECONDS}"]
    return _ask(host, ["ssh", *options, "--", host, _PROBE], environment)


def ask_runners(repository: Repository | None, environment: Mapping[str, str]) -> list[Answer]:
    """Ask GitHub for the repository's runners through ``gh``, as the user who is logged in there.

    :returns: nothing outside a repository of github.com.
    """
    origin = repository and ask_git(repository.top, "config", "--get", "remote.origin.url")
    match = re.search(_GITHUB, origin) if origin else None
    if match is None:
        return []
    place = f"repos/{match['owner']}/{match['repo']}/actions/runners"
    answer = _ask("GitHub runners", ["gh", "api", "--paginate", place], environment, lines=False)
    return _runners(answer.text) if answer.ok else [answer]


def local_runners(directory: Path) -> list[Answer]:
    """Return the runners that are set up below a directory, by their own ``.runner`` files."""
    found: list[Answer] = []
    for path in sorted(directory.glob("*/.runner")):
        try:
            document = parse_json_object(read_regular(path).decode("utf-8-sig"))
            text = f"{document.get('gitHubUrl', '?')} as {document.get('agentName', '?')}"
            found.append(Answer(path.parent.name, ok=True, text=text))
        except (OSError, ValueError, AttributeError):
            found.append(Answer(path.parent.name, ok=False, text="its .runner cannot be read"))
    return found


def _runners(text: str) -> list[Answer]:
    try:
        document = cast("dict[str, object]", json.loads(text))
        runners = cast("list[dict[str, object]]", document["runners"])
        return [Answer(str(r["name"]), ok=True, text=_describe(r)) for r in runners]
    except (ValueError, KeyError, TypeError):
        return [Answer("GitHub runners", ok=False, text="an answer of unknown form")]


def _describe(runner: Mapping[str, object]) -> str:
    labels = cast("list[dict[str, object]]", runner.get("labels") or [])
    names = ",".join(str(label.get("name")) for label in labels)
    busy = "busy" if runner.get("busy") else "free"
    return f"{runner.get('os')} {runner.get('status')} {busy} [{names}]"


def _ask(
    name: str, command: list[str], environment: Mapping[str, str], *, lines: bool = True
) -> Answer:
    try:
        done = subprocess.run(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS + 1,
            check=False,
        )
    except FileNotFoundError:
        return Answer(name, ok=False, text=f"{command[0]} is not installed")
    except subprocess.TimeoutExpired:
        return Answer(name, ok=False, text=f"no answer within {_SECONDS + 1} s")
    output = (done.stdout if done.returncode == 0 else done.stderr).decode(errors="replace").strip()
    text = "; ".join(output.splitlines()) if lines or done.returncode else output
    return Answer(name, done.returncode == 0, text or f"status {done.returncode}")
