"""The documentation says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from codexlab.env.policy.build import RULES, build_environment
from codexlab.env.policy.documentation import rule_table
from codexlab.env.policy.values import EnvironmentPolicy

PAGE = Path(__file__).resolve().parents[3] / "docs" / "environment.md"


def test_the_rule_table_is_the_one_codexlab_env_rules_prints() -> None:
    text = PAGE.read_text()
    block = re.search(r"<!-- BEGIN rules[^\n]*-->\n(.*)<!-- END rules -->", text, re.DOTALL)
    assert block is not None
    assert block.group(1).strip() == rule_table().strip()


def test_every_rule_of_a_receipt_is_in_the_table() -> None:
    names = ("HOME", "PATH", "LD_X", "FOO", "OPENAI_API_KEY", "K", "GONE", "X1", "X2", "LANG", "Y1")
    policy = EnvironmentPolicy(
        "codex", frozenset({"K"}), ("X1", "Y*"), (("A", "1"),), ("X2", "F*"), (("B", "1"),),
        (("C", "1"),),
    )  # fmt: skip
    values = dict.fromkeys(names, "/usr/bin") | {"LANG": "a\nKEY=12345678", "N": "1"}
    child = build_environment(values, policy, {"Q": "1"}, ("GONE",))
    empty = build_environment({"PATH": "."}, policy, {})
    rules = {v.rule for v in (*child.receipt, *empty.receipt)}
    kinds = {rule.split(":")[0] for rule in rules}
    assert kinds == set(RULES)


def test_every_flag_the_page_names_exists() -> None:
    from codexlab.cli.commands.artifacts.group import artifacts
    from codexlab.cli.launch.flags import options

    commands = [options, *artifacts.commands.values()]
    known = {o for c in commands for p in c.params for o in (*p.opts, *p.secondary_opts)}
    known |= {"--shell", "--json", "--repo_contents_cache"}
    named = set(re.findall(r"--[a-z][a-z_-]+", PAGE.read_text()))
    assert named <= known, named - known
