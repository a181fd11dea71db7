"""The rule table as Markdown, made from the rules themselves."""

from __future__ import annotations

from collections.abc import Iterable

from ...agents.registry import ROWS
from .adapters import groups_of
from .build import RULES
from .circumstances import MEANINGS
from .providers import switched_groups
from .rules import DROP_GROUPS, PASS_GROUPS, NameGroup


def rule_table() -> str:
    """Return every rule and every name it knows, for ``docs/environment.md``."""
    agents = [row.load() for row in ROWS]
    parts = (
        "### Rules, the first that fits decides\n",
        _table(("Rule in the receipt", "Meaning"), RULES.items()),
        "\n### Built-in names that pass\n",
        _groups(PASS_GROUPS),
        "\n### Names that pass for one kind of agent\n",
        _groups(group for agent in agents for group in groups_of(agent)),
        "\n### Names that pass for one kind of agent once it is told to use them\n",
        _groups(group for agent in agents for _, group in switched_groups(agent)),
        "\n### Names that are dropped even when a glob would pass them\n",
        _groups(DROP_GROUPS),
        "\n### Names that do not fit one launch, and are dropped unless passed by name\n",
        _table(("Group", "Which names"), MEANINGS.items()),
    )
    return "".join(f"{part}\n" if not part.endswith("\n") else part for part in parts)


def _groups(groups: Iterable[NameGroup]) -> str:
    rows = ((g.title, f"{g.reason}: " + " ".join(f"`{name}`" for name in g.names)) for g in groups)
    return _table(("Group", "Why, and which names"), rows)


def _table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "|---|---|"]
    lines += [f"| {_cell(left)} | {_cell(right)} |" for left, right in rows]
    return "\n" + "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
