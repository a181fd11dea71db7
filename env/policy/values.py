"""The values a scrub works with: the policy, and its result."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum

from ...agents.agent_name import AgentName
from ...kernel.values import frozen
from .circumstances import Circumstances
from .search_path import TakenOut

Assignments = tuple[tuple[str, str], ...]


class ReceiptAction(StrEnum):
    """What becomes of a variable in the child's environment."""

    KEPT = "kept"
    DROPPED = "dropped"
    SET = "set"


@frozen
class EnvironmentPolicy:
    """The variables that the agent may see, from the most general layer to the most specific.

    :param agent: the agent's name; a name without a row means the generic adapter.
    :param provider_names: names that :func:`codex_provider_names` found in the shared config.
    :param user_pass: names or globs that the user's own config passes.
    :param user_set: variables that the user's own config sets.
    :param pass_names: names or globs from ``--pass``.
    :param file_values: variables that ``--env-file`` sets; see :func:`parse_env_file`.
    :param set_values: variables that ``--set`` sets.
    :param circumstances: the place and manner in which this launch runs its agent.

    An exact name of the user (config or flag) wins over the drop rules; a glob does not.
    """

    agent: str = AgentName.GENERIC
    provider_names: frozenset[str] = frozenset()
    user_pass: tuple[str, ...] = ()
    user_set: Assignments = field(default=(), repr=False)
    pass_names: tuple[str, ...] = ()
    file_values: Assignments = field(default=(), repr=False)
    set_values: Assignments = field(default=(), repr=False)
    circumstances: Circumstances = Circumstances()


@frozen
class ReceiptLine:
    """The verdict on one name, and its rule. Never its value."""

    name: str
    action: ReceiptAction
    rule: str


@frozen
class ChildEnvironment:
    """The child's whole environment, and the reasons.

    :param receipt: one verdict for every name of the parent and every name set, by name.
    :param taken_out: entries of the caller's PATH that the agent does not get.
    """

    values: dict[str, str] = field(repr=False)
    receipt: tuple[ReceiptLine, ...]
    taken_out: tuple[TakenOut, ...] = ()

    def describe(self) -> list[dict[str, str]]:
        """Return the receipt as the run record shows it."""
        return [{"name": v.name, "action": v.action, "rule": v.rule} for v in self.receipt]

    def names(self, action: ReceiptAction) -> tuple[str, ...]:
        """Return the names with this verdict, sorted."""
        return tuple(verdict.name for verdict in self.receipt if verdict.action == action)
