"""The commands of ``codexlab``, by groups, and the names that people try for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import click

from .ui.lazy_group import LazyGroup, Load


def _artifacts() -> click.Command:
    from .commands.artifacts.group import artifacts

    return artifacts


def _commit() -> click.Command:
    from .commands.work.commit import commit

    return commit


def _diff() -> click.Command:
    from .commands.work.diff import diff

    return diff


def _env() -> click.Command:
    from .commands.env import env

    return env


def _logs() -> click.Command:
    from .commands.runs.logs import logs

    return logs


def _merge() -> click.Command:
    from .commands.work.merge import merge

    return merge


def _ps() -> click.Command:
    from .commands.runs.ps import ps

    return ps


def _push() -> click.Command:
    from .commands.work.push import push

    return push


def _reap() -> click.Command:
    from .commands.reap import reap

    return reap


def _rollout() -> click.Command:
    from .commands.rollout.group import rollout

    return rollout


def _resume() -> click.Command:
    from .commands.runs.resume import resume

    return resume


def _show() -> click.Command:
    from .commands.runs.show import show

    return show


def _stop() -> click.Command:
    from .commands.runs.stop import stop

    return stop


def _wait() -> click.Command:
    from .commands.runs.wait import wait

    return wait


def _workspace() -> click.Command:
    from .commands.workspace.group import workspace

    return workspace


def _completion() -> click.Command:
    from .commands.completion import completion

    return completion


def _run() -> click.Command:
    from .commands.run import run

    return run


def _help() -> click.Command:
    from .commands.help import help_command

    return help_command


class Verbs(LazyGroup):
    """The commands of ``codexlab``."""

    loaders: ClassVar[Mapping[str, tuple[Load, str]]] = {
        "artifacts": (_artifacts, "Build output on the artifact volume: places, sizes, cleaning."),
        "commit": (_commit, "Commit what an issue's work left uncommitted, on its branch."),
        "completion": (_completion, "Teach your shell to complete both programs."),
        "diff": (_diff, "Show all that an issue's work changed, committed or not."),
        "env": (_env, "The variables of your environment that an agent sees, and why."),
        "help": (_help, "Show the help of a command."),
        "logs": (_logs, "Show what a run wrote, and with --follow what it writes."),
        "merge": (_merge, "Merge an issue's work into your branch, or change nothing."),
        "ps": (_ps, "List the runs that are alive; with --all also those that ended, and how."),
        "push": (_push, "Push an issue's branch, and say where to open a pull request."),
        "reap": (_reap, "End processes that dead runs left, and finish their records."),
        "rollout": (_rollout, "Transcripts: list, show, search, compress, verify."),
        "run": (_run, "Run one agent in the workspace of its issue; the same as codexlab-run."),
        "resume": (_resume, "Go on with the thread of an issue in the agent's own screen."),
        "show": (_show, "Show all that is known of a run: outcome, why, place, proof, changes."),
        "stop": (_stop, "End runs, and wait until nothing of them is left."),
        "wait": (_wait, "Wait until runs have ended; the exit status is the worst of theirs."),
        "workspace": (_workspace, "Workspaces: list, show, heal, and collect old ones."),
    }
    headings: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "Run": ("run", "resume", "stop", "wait"),
        "Look": ("ps", "show", "logs", "rollout", "env", "help", "completion"),
        "Bring home": ("diff", "commit", "merge", "push"),
        "Keep tidy": ("workspace", "artifacts", "reap"),
    }
    habits: ClassVar[Mapping[str, str]] = {
        "attach": "logs --follow",
        "cancel": "stop",
        "clean": "workspace gc",
        "exec": "run",
        "history": "ps --all",
        "info": "show",
        "inspect": "show",
        "kill": "stop",
        "launch": "run",
        "list": "ps",
        "log": "logs",
        "ls": "ps",
        "prune": "workspace gc",
        "rm": "workspace remove",
        "runs": "ps",
        "start": "run",
        "status": "ps",
        "tail": "logs --follow",
        "threads": "rollout list",
        "transcripts": "rollout list",
        "workspaces": "workspace list",
    }
