"""The scrub: what reaches the agent, and what the receipt says about it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexlab.env.errors import ReservedNameError
from codexlab.env.policy.build import build_environment, tool_shell_excludes
from codexlab.env.policy.values import EnvironmentPolicy, ReceiptAction, ReceiptLine


def always_safe(_: str) -> bool:
    return True


def scrub(
    parent: dict[str, str],
    policy: EnvironmentPolicy | None = None,
    required: dict[str, str] | None = None,
    removed: tuple[str, ...] = (),
) -> tuple[dict[str, str], dict[str, ReceiptLine]]:
    child = build_environment(
        parent,
        policy or EnvironmentPolicy(),
        required or {},
        removed,
        is_safe_path_entry=always_safe,
    )
    return child.values, {verdict.name: verdict for verdict in child.receipt}


def test_a_name_on_no_list_is_dropped_and_the_receipt_says_so() -> None:
    values, receipt = scrub({"AWS_SECRET_ACCESS_KEY": "x", "HOME": "/home/a"})
    assert values == {"HOME": "/home/a"}
    assert receipt["AWS_SECRET_ACCESS_KEY"] == ReceiptLine(
        "AWS_SECRET_ACCESS_KEY", ReceiptAction.DROPPED, "not allowed"
    )
    assert receipt["HOME"] == ReceiptLine("HOME", ReceiptAction.KEPT, "built-in: user")


def test_the_receipt_is_sorted_by_name_and_holds_every_name_once() -> None:
    child = build_environment(
        {"B": "1", "HOME": "2", "A": "3"},
        EnvironmentPolicy(set_values=(("ZED", "1"), ("HOME", "9"))),
        {"TMPDIR": "/t"},
        is_safe_path_entry=always_safe,
    )
    names = [verdict.name for verdict in child.receipt]
    assert names == ["A", "B", "HOME", "TMPDIR", "ZED"]
    assert child.names(ReceiptAction.DROPPED) == ("A", "B")


@pytest.mark.parametrize(
    "name",
    [
        "SSH_AUTH_SOCK",
        "GITHUB_TOKEN",
        "GH_TOKEN",
        "PWD",
        "OLDPWD",
        "TMPDIR",
        "DBUS_SESSION_BUS_ADDRESS",
    ],
)
def test_what_gives_more_than_a_clean_start_passes_only_when_asked_for(name: str) -> None:
    assert name not in scrub({name: "v"})[0]
    assert scrub({name: "v"}, EnvironmentPolicy(pass_names=(name,)))[0] == {name: "v"}


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("LD_PRELOAD", "loader"),
        ("DYLD_INSERT_LIBRARIES", "loader"),
        ("PYTHONPATH", "interpreter"),
        ("NODE_OPTIONS", "interpreter"),
        ("BASH_ENV", "shell start-up"),
        ("BASH_FUNC_ls%%", "shell start-up"),
        ("GIT_DIR", "git redirection"),
        ("GIT_CONFIG_VALUE_0", "git redirection"),
        ("CLAUDECODE", "nested agent"),
        ("CODEX_SANDBOX", "nested agent"),
        ("MAKEFLAGS", "caller's descriptors"),
        ("CODEX_LAB_TARGET_LEASE_FD", "caller's descriptors"),
        ("CODEXLAB_RUN_ID", "codexlab"),
    ],
)
def test_a_drop_rule_beats_globs_and_yields_to_an_exact_name(name: str, group: str) -> None:
    globs = EnvironmentPolicy(pass_names=("*",), user_pass=(f"{name[:3]}*",))
    values, receipt = scrub({name: "v"}, globs)
    assert values == {}
    assert receipt[name] == ReceiptLine(name, ReceiptAction.DROPPED, f"drop: {group}")
    for exact in (EnvironmentPolicy(pass_names=(name,)), EnvironmentPolicy(user_pass=(name,))):
        assert scrub({name: "v"}, exact)[0] == {name: "v"}


def test_globs_pass_what_no_rule_forbids() -> None:
    values, receipt = scrub(
        {"ACME_URL": "u", "ACME_REGION": "r", "OTHER": "o"},
        EnvironmentPolicy(user_pass=("ACME_R*",), pass_names=("ACME_*",)),
    )
    assert values == {"ACME_URL": "u", "ACME_REGION": "r"}
    assert receipt["ACME_URL"].rule == "--pass glob"


def test_layers_override_one_another_up_to_what_codexlab_requires() -> None:
    policy = EnvironmentPolicy(
        user_set=(("A", "config"), ("B", "config"), ("C", "config"), ("D", "config")),
        file_values=(("B", "file"), ("C", "file"), ("D", "file")),
        set_values=(("C", "flag"),),
    )
    values, receipt = scrub({"A": "parent", "D": "parent"}, policy, {"D": "codexlab"})
    assert values == {"A": "config", "B": "file", "C": "flag", "D": "codexlab"}
    rules = {name: (verdict.action, verdict.rule) for name, verdict in receipt.items()}
    assert rules == {
        "A": ("set", "config set"),
        "B": ("set", "--env-file"),
        "C": ("set", "--set"),
        "D": ("set", "codexlab"),
    }


def test_removed_names_stay_away_whatever_a_file_or_config_says() -> None:
    policy = EnvironmentPolicy(
        user_set=(("CARGO_TARGET_DIR", "/c"),),
        file_values=(("CARGO_TARGET_DIR", "/f"),),
        user_pass=("CARGO_TARGET_DIR",),
    )
    values, receipt = scrub(
        {"CARGO_TARGET_DIR": "/p"}, policy, removed=("CARGO_TARGET_DIR", "NOT_THERE")
    )
    assert values == {}
    assert receipt == {
        "CARGO_TARGET_DIR": ReceiptLine("CARGO_TARGET_DIR", ReceiptAction.DROPPED, "routing")
    }


def test_a_flag_that_would_be_overruled_is_refused_instead_of_ignored() -> None:
    with pytest.raises(ReservedNameError, match="CODEX_HOME"):
        scrub({}, EnvironmentPolicy(set_values=(("CODEX_HOME", "/x"),)), {"CODEX_HOME": "/y"})
    with pytest.raises(ReservedNameError, match="CARGO_TARGET_DIR"):
        scrub({}, EnvironmentPolicy(pass_names=("CARGO_TARGET_DIR",)), {}, ("CARGO_TARGET_DIR",))


def test_an_error_about_a_flag_never_shows_the_value() -> None:
    policy = EnvironmentPolicy(set_values=(("CODEX_HOME", "hunter2hunter2"),))
    with pytest.raises(ReservedNameError) as caught:
        scrub({}, policy, {"CODEX_HOME": "/y"})
    assert "hunter2" not in str(caught.value) + repr(caught.value) + repr(policy)


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("codex", "OPENAI_API_KEY"),
        ("codex", "CODEX_API_KEY"),
        ("claude", "ANTHROPIC_API_KEY"),
        ("claude", "CLAUDE_CODE_MAX_OUTPUT_TOKENS"),
        ("claude", "ANTHROPIC_DEFAULT_SONNET_MODEL"),
    ],
)
def test_each_agent_gets_the_keys_of_its_own_provider_only(agent: str, name: str) -> None:
    values, receipt = scrub({name: "v"}, EnvironmentPolicy(agent=agent))
    assert values == {name: "v"}
    assert receipt[name].rule == f"adapter: {agent}"
    others = {"codex", "claude", "generic", "unheard-of"} - {agent}
    assert all(scrub({name: "v"}, EnvironmentPolicy(agent=other))[0] == {} for other in others)


def test_claude_settings_pass_and_its_session_markers_do_not() -> None:
    values, receipt = scrub(
        {"CLAUDE_CODE_USE_BEDROCK": "1", "CLAUDE_CODE_ENTRYPOINT": "cli"},
        EnvironmentPolicy(agent="claude"),
    )
    assert values == {"CLAUDE_CODE_USE_BEDROCK": "1"}
    assert receipt["CLAUDE_CODE_ENTRYPOINT"].rule == "drop: nested agent"


def test_names_from_the_shared_config_pass_for_codex_alone() -> None:
    named = frozenset({"STUB_KEY"})
    codex = EnvironmentPolicy(agent="codex", provider_names=named)
    assert scrub({"STUB_KEY": "v"}, codex)[1]["STUB_KEY"].rule == "codex provider"
    assert scrub({"STUB_KEY": "v"}, EnvironmentPolicy(provider_names=named))[0] == {}


def test_a_config_that_names_a_loader_variable_does_not_get_it_through() -> None:
    policy = EnvironmentPolicy(agent="codex", provider_names=frozenset({"LD_PRELOAD"}))
    assert scrub({"LD_PRELOAD": "/x.so"}, policy)[0] == {}


def test_a_value_of_several_lines_that_assigns_a_secret_is_dropped() -> None:
    value = "region=eu\nAPI_TOKEN=abcdefgh12345678\n"
    values, receipt = scrub({"LANG": value, "TERM": "first\nsecond"})
    assert values == {"TERM": "first\nsecond"}
    assert receipt["LANG"].rule == "multi-line secret"
    assert scrub({"LANG": value}, EnvironmentPolicy(pass_names=("LANG",)))[0] == {"LANG": value}


def test_path_loses_empty_relative_and_world_writable_entries(tmp_path: Path) -> None:
    safe, open_to_all, sticky = (tmp_path / name for name in ("safe", "open", "sticky"))
    for directory, mode in ((safe, 0o755), (open_to_all, 0o777), (sticky, 0o1777)):
        directory.mkdir()
        directory.chmod(mode)
    assert stat.S_IMODE(open_to_all.stat().st_mode) == 0o777
    path = f":{safe}:bin:.:{open_to_all}:{sticky}:{tmp_path}/absent:"
    child = build_environment({"PATH": path}, EnvironmentPolicy(), {})
    assert child.values == {"PATH": f"{safe}:{sticky}:{tmp_path}/absent"}
    assert child.receipt[0].rule == "built-in: search path; unsafe entries taken out: 5"


def test_a_path_without_a_safe_entry_is_dropped() -> None:
    child = build_environment({"PATH": ".:"}, EnvironmentPolicy(), {})
    assert child.values == {}
    assert child.receipt == (ReceiptLine("PATH", ReceiptAction.DROPPED, "no safe entry"),)


def test_tool_shells_go_without_provider_keys_unless_the_user_asks() -> None:
    policy = EnvironmentPolicy(
        agent="codex",
        provider_names=frozenset({"STUB_KEY", "GITHUB_TOKEN"}),
        pass_names=("GITHUB_TOKEN", "OPEN*"),
    )
    assert tool_shell_excludes(policy) == ("CODEX_API_KEY", "OPENAI_API_KEY", "STUB_KEY")


NAMES = st.sampled_from(
    [
        "HOME",
        "PATH",
        "LD_PRELOAD",
        "OPENAI_API_KEY",
        "GIT_DIR",
        "FOO",
        "FOO_KEY",
        "TMPDIR",
        "LC_ALL",
    ]
)
VALUES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40)
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=4).map(tuple)
PATTERNS = st.lists(st.one_of(NAMES, st.sampled_from(["*", "F*", "[!L]*", "?"])), max_size=4)


@given(
    parent=st.dictionaries(NAMES, VALUES),
    user_pass=PATTERNS.map(tuple),
    pass_names=PATTERNS.map(tuple),
    user_set=PAIRS,
    file_values=PAIRS,
    required=st.dictionaries(NAMES, VALUES),
    removed=st.sets(NAMES),
)
def test_no_dropped_name_or_value_ever_reaches_the_child(
    parent: dict[str, str],
    user_pass: tuple[str, ...],
    pass_names: tuple[str, ...],
    user_set: tuple[tuple[str, str], ...],
    file_values: tuple[tuple[str, str], ...],
    required: dict[str, str],
    removed: set[str],
) -> None:
    marked = {name: f"<{name}>{value}" for name, value in parent.items()}
    policy = EnvironmentPolicy(
        "codex", frozenset({"FOO_KEY"}), user_pass, user_set, pass_names, file_values
    )
    try:
        child = build_environment(marked, policy, required, removed, is_safe_path_entry=always_safe)
    except ReservedNameError:
        return
    dropped = child.names(ReceiptAction.DROPPED)
    assert not set(dropped) & child.values.keys()
    assert {v.name for v in child.receipt} >= marked.keys() | required.keys()
    for name in dropped:
        assert all(f"<{name}>" not in value for value in child.values.values())
    assert required.items() <= child.values.items()
    assert not (removed - required.keys()) & child.values.keys()
