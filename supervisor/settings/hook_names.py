"""The hooks there are, and how a command for one is written."""

from __future__ import annotations

LAUNCH_HOOKS = ("after_create", "before_run", "after_run")
HOOK_NAMES = (*LAUNCH_HOOKS, "before_remove")
DEFAULT_HOOK_TIMEOUT = 300.0
HookCommand = str | tuple[str, ...]
