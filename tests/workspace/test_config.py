"""The managed keys of config.toml, on texts of every layout."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexlab.workspace.codex_config.managed import Managed
from codexlab.workspace.codex_config.merge import merge_config
from codexlab.workspace.codex_config.texts import apply_managed, decide_config

OURS = Managed(("/cache", "/target"), ("OPENAI_API_KEY",))
LAYOUTS = [
    "",
    "model = 'm' # with a comment\n",
    "sandbox_workspace_write.network_access = true\nmodel = 'm'\n",
    "sandbox_workspace_write = { network_access = false }\n",
    "sandbox_workspace_write = {}\n[profiles.a]\nmodel = 'm'\n",
    "[model_providers.x]\nname = 'x'\n[model_providers.x.http_headers]\na = 'b'\n",
    "[sandbox_workspace_write]\nwritable_roots = [\n  '/user', # mine\n]\n\n[tui]\nx = 1\n",
    "[shell_environment_policy]\ninherit = 'core'\n[shell_environment_policy.set]\nA = 'b'\n",
    "shell_environment_policy.exclude = ['AWS_*']\n",
    "[[hooks]]\ncommand = 'x'\n[[hooks]]\ncommand = 'y'\n",
    "[sandbox_workspace_write]\n# nothing\n[a]\n[b]\n[a.c]\nd = 1\n",
    "model = 'm'\r\n[tui]\r\nx = 1\r\n",
    "model = 'no newline at the end'",
]


@pytest.mark.parametrize("text", LAYOUTS)
def test_managed_keys_go_in_and_come_out_and_all_else_stays(text: str) -> None:
    before = tomllib.loads(text)
    applied = apply_managed(text, OURS, Managed())
    values = tomllib.loads(applied)
    sandbox, shell = values["sandbox_workspace_write"], values["shell_environment_policy"]
    explicit = before.get("sandbox_workspace_write", {}).get("network_access", True)
    assert sandbox["network_access"] is explicit
    assert sandbox["writable_roots"][-2:] == ["/cache", "/target"]
    assert shell["exclude"][-1] == "OPENAI_API_KEY"
    assert apply_managed(applied, OURS, OURS) == applied
    for line in text.splitlines():
        if "#" in line and "[" not in line:
            assert line.partition("#")[2] in applied
    for name, value in before.items():
        if name not in ("sandbox_workspace_write", "shell_environment_policy"):
            assert values[name] == value


_KEYS = st.sampled_from(["a", "b", "sandbox_workspace_write", "tui", "profiles"])
_VALUES = st.one_of(st.integers(), st.booleans(), st.text("xyz #='\"\n", max_size=5))
_TABLES = st.dictionaries(_KEYS, _VALUES | st.dictionaries(_KEYS, _VALUES, max_size=3), max_size=4)


def _dump(values: dict[str, object]) -> str:
    import tomlkit

    return tomlkit.dumps(values)


@given(_TABLES)
def test_any_text_keeps_what_is_not_managed(values: dict[str, object]) -> None:
    text = _dump(values)
    if not isinstance(values.get("sandbox_workspace_write", {}), dict):
        with pytest.raises(ValueError, match="expected a table"):
            apply_managed(text, OURS, Managed())
        return
    result = tomllib.loads(apply_managed(text, OURS, Managed()))
    assert {k: v for k, v in result.items() if k in values and "sandbox" not in k} == {
        k: v for k, v in tomllib.loads(text).items() if "sandbox" not in k
    }


@given(_TABLES, _TABLES, _TABLES)
def test_a_merge_takes_what_only_they_changed_and_keeps_what_we_did(
    base: dict[str, object], ours: dict[str, object], theirs: dict[str, object]
) -> None:
    merged, conflicts = merge_config(*map(_dump, (ours, theirs, base)))
    result = tomllib.loads(merged)
    for key in {*base, *ours, *theirs}:
        mine, new, old = ours.get(key), theirs.get(key), base.get(key)
        if isinstance(mine, dict) and isinstance(new, dict):
            continue
        if mine == old:
            assert result.get(key) == new
        else:
            assert result.get(key) == mine
            assert mine == new or new == old or key in conflicts


def test_an_unedited_config_follows_the_shared_one_into_deletion() -> None:
    first = decide_config(None, "model = 'm'\n", None, OURS, Managed())
    after = decide_config(first.text, "", first.seed, OURS, first.added)
    assert after.reseeded
    assert "model" not in tomllib.loads(after.text)


def test_what_we_added_is_not_taken_for_an_edit() -> None:
    first = decide_config(None, "model = 'm'\n", None, OURS, Managed())
    changed = decide_config(first.text, "model = 'n'\n", first.seed, Managed(), first.added)
    assert not changed.edited
    assert tomllib.loads(changed.text) == {
        "model": "n",
        "sandbox_workspace_write": {"network_access": True},
    }
