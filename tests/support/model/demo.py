"""The script of the demo: one task that edits a file, one that remembers it."""

from __future__ import annotations

from .codex_responses import ModelRequest
from .turns import Choose, Turn, run_command, say

_EDIT = (
    "sed -i 's/return a - b/return a + b/' calculator.py"
    " && python3 -B -c 'from calculator import add; assert add(2, 3) == 5'"
    " && git diff --stat"
)


def demo_script() -> Choose:
    """Return the script: fix the sample's bug first, then recall the earlier task."""

    def choose(request: ModelRequest) -> Turn:
        if len(request.prompts) > 1:
            return say(
                f'Earlier in this thread you asked: "{request.prompts[0]}"'
                " I changed one line of calculator.py then; nothing else is needed."
            )
        if not request.tool_outputs:
            return run_command(_EDIT)
        return say("Fixed: add() subtracted. It now adds, and add(2, 3) == 5 was checked.")

    return choose
