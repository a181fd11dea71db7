"""The scrub: parent environment and policy in, the child's whole environment out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase

from ...agents.registry import adapter_of
from ..errors import ReservedNameError
from ..secrets.names import holds_secret_assignment
from .adapters import groups_of
from .circumstances import unfit_names
from .providers import switched_on
from .rules import DROPPED, PASSED, NameIndex, index_groups
from .search_path import TakenOut, WhyOut, clean_search_path, is_safe_entry
from .values import ChildEnvironment, EnvironmentPolicy, ReceiptAction, ReceiptLine

_GLOB = r"[*?\[]"

RULES = {
    "codexlab": "set by codexlab itself; wins over everything",
    "routing": "removed by codexlab, so that build output goes where it was routed",
    "--set": "set by a flag",
    "--env-file": "set by a file that a flag names",
    "config set": "set by the user's config",
    "--pass": "passed by a flag, by its exact name",
    "config pass": "passed by the user's config, by its exact name",
    "drop": "on a drop list",
    "built-in": "on the built-in allow list",
    "adapter": "on the allow list of the agent's kind",
    "codex provider": "named by the shared config.toml of codex",
    "--pass glob": "matched by a glob of a flag",
    "config glob": "matched by a glob of the user's config",
    "multi-line secret": "passed by name, dropped because a line of its value assigns a secret",
    "no safe entry": "a PATH of which no entry is safe",
    "not allowed": "on no list",
}
"""Every kind of rule a receipt can name (before any colon), in order of precedence."""


def build_environment(
    parent: Mapping[str, str],
    policy: EnvironmentPolicy,
    required: Mapping[str, str],
    removed: Iterable[str] = (),
    *,
    is_safe_path_entry: Callable[[str], bool] = is_safe_entry,
) -> ChildEnvironment:
    """Decide the child's whole environment. Pure but for ``is_safe_path_entry``.

    :param parent: the caller's environment.
    :param required: variables that codexlab itself sets; they always win.
    :param removed: names that codexlab removes, even if a file or config sets them.
    :param is_safe_path_entry: asked for each absolute entry of PATH.
    :raises ReservedNameError: a flag names a variable of ``required`` or ``removed``.
    """
    gone = frozenset(removed) - required.keys()
    _refuse_reserved(parent, policy, required, gone)
    values, rules = _set_values(policy, required, gone)
    receipt = [ReceiptLine(name, ReceiptAction.SET, rule) for name, rule in rules.items()]
    unfit = unfit_names(parent, policy.circumstances)
    providers = switched_on(adapter_of(policy.agent), {**parent, **values})
    judge = _Judge(policy, gone, is_safe_path_entry, unfit, providers)
    for name in parent.keys() - values.keys():
        verdict, value = judge.decide(name, parent[name])
        receipt.append(verdict)
        if value is not None:
            values[name] = value
    receipt.sort(key=lambda verdict: verdict.name)
    return ChildEnvironment(values, tuple(receipt), judge.taken_out)


def tool_shell_excludes(policy: EnvironmentPolicy) -> tuple[str, ...]:
    """Return the provider credentials that the agent needs and its tool shells do not.

    A name that the user passes or sets explicitly is meant for the tools too.
    """
    asked = {name for name in (*policy.pass_names, *policy.user_pass) if not re.search(_GLOB, name)}
    asked.update(name for name, _ in (*policy.user_set, *policy.file_values, *policy.set_values))
    keys = {*adapter_of(policy.agent).variables.keys.split(), *policy.provider_names}
    return tuple(sorted(keys - asked))


def _refuse_reserved(
    parent: Mapping[str, str],
    policy: EnvironmentPolicy,
    required: Mapping[str, str],
    gone: frozenset[str],
) -> None:
    """Refuse a flag that would be overruled; a file may hold more than this run needs."""
    for name, value in policy.set_values:
        if name in gone or required.get(name, value) != value:
            raise ReservedNameError(flag="--set", name=name)
    for name in policy.pass_names:
        if name in gone or (name in required and required[name] != parent.get(name)):
            raise ReservedNameError(flag="--pass", name=name)


def _set_values(
    policy: EnvironmentPolicy, required: Mapping[str, str], gone: frozenset[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Lay the layers over one another, the most specific last."""
    layers = (
        ("config set", policy.user_set),
        ("--env-file", policy.file_values),
        ("--set", policy.set_values),
        ("codexlab", required.items()),
    )
    values: dict[str, str] = {}
    rules: dict[str, str] = {}
    for rule, assignments in layers:
        for name, value in assignments:
            if name not in gone:
                values[name] = value
                rules[name] = rule
    return values, rules


class _Judge:
    """One policy made ready for look-up."""

    def __init__(
        self,
        policy: EnvironmentPolicy,
        gone: frozenset[str],
        is_safe: Callable[[str], bool],
        unfit: Mapping[str, str],
        providers: NameIndex,
    ) -> None:
        self._gone = gone
        self._is_safe = is_safe
        self._unfit = unfit
        self._left_behind = policy.circumstances.left_behind
        self.taken_out: tuple[TakenOut, ...] = ()
        self._providers = providers
        agent = adapter_of(policy.agent)
        self._adapter = index_groups(groups_of(agent))
        no_names: frozenset[str] = frozenset()
        self._provider_names = policy.provider_names if agent.names_in_config else no_names
        self._exact: dict[str, str] = {}
        self._globs: list[tuple[str, str]] = []
        for source, names in (("--pass", policy.pass_names), ("config", policy.user_pass)):
            for name in names:
                if re.search(_GLOB, name):
                    self._globs.append((name, f"{source} glob"))
                else:
                    self._exact.setdefault(name, "--pass" if source == "--pass" else "config pass")

    def decide(self, name: str, value: str) -> tuple[ReceiptLine, str | None]:
        if name in self._gone:
            return ReceiptLine(name, ReceiptAction.DROPPED, "routing"), None
        if name in self._exact:
            return ReceiptLine(name, ReceiptAction.KEPT, self._exact[name]), value
        if drop := DROPPED.title_of(name) or self._unfit.get(name):
            return ReceiptLine(name, ReceiptAction.DROPPED, f"drop: {drop}"), None
        rule = self._allowed_by(name)
        if rule is None:
            return ReceiptLine(name, ReceiptAction.DROPPED, "not allowed"), None
        if name == "PATH":
            return self._search_path(rule, value)
        if holds_secret_assignment(value):
            return ReceiptLine(name, ReceiptAction.DROPPED, "multi-line secret"), None
        return ReceiptLine(name, ReceiptAction.KEPT, rule), value

    def _allowed_by(self, name: str) -> str | None:
        if title := PASSED.title_of(name):
            return f"built-in: {title}"
        if title := self._adapter.title_of(name) or self._providers.title_of(name):
            return title
        if name in self._provider_names:
            return "codex provider"
        return next((rule for glob, rule in self._globs if fnmatchcase(name, glob)), None)

    def _search_path(self, rule: str, value: str) -> tuple[ReceiptLine, str | None]:
        cleaned, self.taken_out = clean_search_path(value, self._is_safe, self._left_behind)
        if not cleaned:
            return ReceiptLine("PATH", ReceiptAction.DROPPED, "no safe entry"), None
        return ReceiptLine(
            "PATH", ReceiptAction.KEPT, rule + _what_was_lost(self.taken_out)
        ), cleaned


def _what_was_lost(taken_out: tuple[TakenOut, ...]) -> str:
    behind = sum(each.why is WhyOut.LEFT_BEHIND for each in taken_out)
    unsafe = len(taken_out) - behind
    return (f"; unsafe entries taken out: {unsafe}" if unsafe else "") + (
        f"; entries of the checkout left behind taken out: {behind}" if behind else ""
    )
