"""No line outside ``agents/`` decides by an agent's name: it asks the adapter."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.product import PACKAGES, modules, name_of

from codexlab.agents.agent_name import AgentName
from codexlab.agents.registry import ROWS, adapter_of

MODULES = modules(*(name for name in PACKAGES if name != "agents"))
NAMES = frozenset(AgentName)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_line_outside_the_adapters_decides_by_an_agents_name(path: Path) -> None:
    assert list(decisions(path.read_text())) == []


@pytest.mark.parametrize(
    "line",
    [
        'x = agent == "codex"',
        'x = agent != "generic"',
        'x = agent in ("claude", "codex")',
        'x = {"codex": 1}[agent]',
        'match agent:\n    case "claude":\n        pass',
        "x = agent is AgentName.CODEX",
        "x = {AgentName.CLAUDE: 1}[agent]",
        "match agent:\n    case AgentName.CLAUDE:\n        pass",
    ],
)
def test_each_kind_of_decision_is_seen(line: str) -> None:
    assert list(decisions(line))


def decisions(source: str) -> Iterator[int]:
    """Yield the lines that compare with an agent's name, or look something up by one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            parts = [part for side in (node.left, *node.comparators) for part in ast.walk(side)]
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        elif isinstance(node, ast.Dict):
            parts = [key for key in node.keys if key is not None]
        else:
            continue
        if any(map(names_an_agent, parts)):
            yield node.lineno


def names_an_agent(part: ast.AST) -> bool:
    if isinstance(part, ast.Attribute):
        return ast.unparse(part.value) == "AgentName"
    return isinstance(part, ast.Constant) and part.value in NAMES


def test_every_name_has_its_row_and_every_row_its_adapter() -> None:
    assert [row.name for row in ROWS] == list(AgentName)[: len(ROWS)]
    assert [adapter_of(name).name for name in AgentName] == list(AgentName)
