#!/usr/bin/env python3
"""A tiny agent: what codexlab needs of one, in one file of the standard library.

It stands in for codex where codex is not installed::

    codexlab-run --issue 123 -- python examples/example_agent.py exec --json "PROMPT"
    codexlab-run --issue 123 -- python examples/example_agent.py exec --json {resume} "PROMPT"

It runs no model. It fixes the sample of the demo, or else notes the prompt in
``NOTES.md``. What makes it an agent in codexlab's eyes is this and no more:

* it works in its current directory and ends with an exit status;
* with ``--json`` it prints one event per line: ``thread.started`` with the id
  of its thread, ``turn.started``, ``item.completed``, ``turn.completed``
  (or ``turn.failed``);
* it keeps the thread below ``$CODEX_HOME/sessions/YYYY/MM/DD/`` as a *rollout*:
  JSON Lines, appended to and never rewritten, the first a ``session_meta`` that
  says where it works;
* ``resume THREAD`` after its options goes on in that rollout.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_BUG, _CURE = "return a - b", "return a + b"


def main(arguments: list[str]) -> int:
    """Do one task and return the exit status."""
    options = parse(arguments)
    try:
        thread = Thread.resume(options.thread) if options.thread else Thread.start()
    except LookupError as error:
        print(f"example-agent: {error}", file=sys.stderr)
        return 1
    say = print_event if options.json else print_text
    say({"type": "thread.started", "thread_id": thread.id})
    say({"type": "turn.started"})
    answer = work(options.prompt, thread)
    thread.append("user", options.prompt)
    thread.append("assistant", answer)
    say({"type": "item.completed", "item": {"type": "agent_message", "text": answer}})
    say({"type": "turn.completed", "usage": {"input_tokens": 0, "output_tokens": 0}})
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """Understand ``exec [options] PROMPT`` and ``exec [options] resume THREAD PROMPT``."""
    parser = argparse.ArgumentParser(prog="example-agent", description="A tiny example agent.")
    parser.add_argument("command", choices=["exec"])
    parser.add_argument("--json", action="store_true", help="print events, one per line")
    parser.add_argument("-s", "--sandbox", metavar="MODE", help="accepted and not needed")
    parser.add_argument("words", nargs="+", metavar="[resume THREAD] PROMPT")
    options = parser.parse_args(arguments)
    *resume, options.prompt = options.words
    if resume and (len(resume) != 2 or resume[0] != "resume"):
        parser.error("expected PROMPT or: resume THREAD PROMPT")
    options.thread = resume[1] if resume else ""
    return options


def work(prompt: str, thread: Thread) -> str:
    """Change a file in the current directory and say what was done."""
    if thread.prompts:
        return f'Earlier in this thread you asked: "{thread.prompts[0]}" Nothing else is needed.'
    sample = Path("calculator.py")
    if sample.exists() and _BUG in sample.read_text():
        sample.write_text(sample.read_text().replace(_BUG, _CURE))
        return "Fixed: add() subtracted. It now adds."
    with open("NOTES.md", "a", encoding="utf-8") as notes:
        notes.write(f"- {prompt}\n")
    return "Noted in NOTES.md."


class Thread:
    """One conversation and the rollout that keeps it."""

    def __init__(self, thread_id: str, rollout: Path, prompts: list[str]) -> None:
        self.id = thread_id
        self.prompts = prompts
        self._rollout = rollout

    @classmethod
    def start(cls) -> Thread:
        """Start a conversation and write the first record of its rollout."""
        now = datetime.now(UTC)
        thread_id = str(uuid.uuid4())
        directory = sessions() / now.strftime("%Y/%m/%d")
        directory.mkdir(parents=True, exist_ok=True)
        rollout = directory / f"rollout-{now:%Y-%m-%dT%H-%M-%S}-{thread_id}.jsonl"
        thread = cls(thread_id, rollout, [])
        payload = {"id": thread_id, "timestamp": timestamp(), "cwd": os.getcwd()}
        thread.write("session_meta", payload | {"originator": "example_agent", "source": "exec"})
        return thread

    @classmethod
    def resume(cls, thread_id: str) -> Thread:
        """Find an earlier conversation.

        :raises LookupError: no rollout below the sessions ends with that id.
        """
        rollout = next(sessions().glob(f"*/*/*/rollout-*-{thread_id}.jsonl"), None)
        if rollout is None:
            message = f"no rollout of thread {thread_id} below {sessions()}"
            raise LookupError(message)
        records = map(json.loads, rollout.read_text(encoding="utf-8").splitlines())
        payloads = [record["payload"] for record in records]
        prompts = [item["content"][0]["text"] for item in payloads if item.get("role") == "user"]
        return cls(thread_id, rollout, prompts)

    def append(self, role: str, text: str) -> None:
        """Add one message to the rollout."""
        kind = "input_text" if role == "user" else "output_text"
        content = [{"type": kind, "text": text}]
        self.write("response_item", {"type": "message", "role": role, "content": content})

    def write(self, kind: str, payload: dict[str, Any]) -> None:
        """Append one record, as one line in one write."""
        record = {"timestamp": timestamp(), "type": kind, "payload": payload}
        with open(self._rollout, "a", encoding="utf-8") as rollout:
            rollout.write(json.dumps(record) + "\n")


def sessions() -> Path:
    """Return where the rollouts are kept."""
    home = os.environ.get("CODEX_HOME") or os.path.expanduser("~/.codex")
    return Path(home, "sessions")


def timestamp() -> str:
    """Return the present moment as codex writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def print_event(event: dict[str, Any]) -> None:
    """Print an event for a program, at once."""
    print(json.dumps(event), flush=True)


def print_text(event: dict[str, Any]) -> None:
    """Print what an event says to a person, if anything."""
    if text := event.get("item", {}).get("text"):
        print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
