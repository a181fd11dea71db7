"""Tell what a person wrote in a user's message from what the harness put into it.

codex sends everything that is not the agent's under the user's role: the surroundings,
AGENTS.md, skills, notices of subagents, commands that the user ran. Its own lists show
none of these. The table was read from codex 0.135 to 0.171 at work, and from the texts
that its programs hold.
"""

from __future__ import annotations

import re
from typing import Any

from .records import is_list, is_object, text_of

# Elements of which a whole part of a message consists; attributes may follow the name.
_TAGS = (
    "agent_message_board_notification",
    "apps_instructions",
    "catalog_apps_instructions",
    "collaboration_mode",
    "command_sessions",
    "content_filter_guidance",
    "context_window",
    "context_window_guidance",
    "context_window_reminder",
    "current_time_reminder",
    "environment_context",
    "environments_instructions",
    "git_attribution",
    "goal_context",
    "hook_prompt",
    "image_resize_notice",
    "managed_developer_instructions",
    "model_instructions",
    "model_switch",
    "multi_agent_mode",
    "multi_agent_role",
    "permissions instructions",
    "persistent_mode",
    "personality_spec",
    "plugins_instructions",
    "realtime_conversation",
    "recommended_plugins",
    "rollout_budget",
    "skill",
    "skills_instructions",
    "startup_context",
    "subagent_notification",
    "thread_network_requirements",
    "token_budget",
    "turn_aborted",
    "user_action",
    "user_instructions",
    "user_shell_command",
    "user_verification_notice",
)
_HEADINGS = ("# AGENTS.md instructions", "## Code review guidelines:")
# What codex writes around a picture: where it lay, and that it ends.
_LABELS = ("<image>", "<image name=", "</image>")
_INJECTED = re.compile(
    r"\s*(?:<(?:"
    + "|".join(_TAGS)
    + r")[\s>]|"
    + "|".join(map(re.escape, _HEADINGS + _LABELS))
    + ")"
)

# How an editor begins a message that holds its own state and then the user's words.
_PREAMBLES = ("# Context from my IDE setup:", "# Files mentioned by the user:")
_REQUEST = "## My request for Codex:"


def request_in(text: str) -> str:
    """Return the part of a user's message that codex shows: all behind its editor's mark."""
    _, mark, request = text.partition(_REQUEST)
    return request.strip() if mark else text


def part_message(content: Any) -> tuple[str, str]:
    """Part the content of a user's message into the harness's and the user's own text.

    :param content: a list of parts, or one text; any shape is taken.
    """
    injected: list[str] = []
    said: list[str] = []
    for text in map(part_text, content) if is_list(content) else [text_of(content)]:
        preamble, request = _part(text)
        injected.append(preamble)
        said.append(request)
    return "\n".join(filter(None, injected)), "\n".join(filter(None, said))


def _part(text: str) -> tuple[str, str]:
    if _INJECTED.match(text):
        return text, ""
    if text.lstrip().startswith(_PREAMBLES):
        preamble, mark, request = text.partition(_REQUEST)
        if mark:
            return preamble + mark, request.strip()
    return "", text


def content_text(value: Any) -> str:
    """Join the parts of a message; a picture is named by its size."""
    if not is_list(value):
        return text_of(value)
    return "\n".join(filter(None, map(part_text, value)))


def part_text(part: Any) -> str:
    """Return the text of one part; a picture is named by its size."""
    if not is_object(part):
        return text_of(part)
    address = text_of(part.get("image_url"))
    if address:
        kind = address[: address.find(";")] if address.startswith("data:") else address[:200]
        return f"[image {kind.removeprefix('data:')}, {len(address)} bytes]"
    return text_of(part.get("text"))
