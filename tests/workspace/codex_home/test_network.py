"""The key ``network_access`` of an issue's config.toml: the launch's word and the user's."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from support.workspace.homes import config_of

from codexlab.agents.network import ConfiguredNetwork
from codexlab.workspace.codex_config.file import foresee_network
from codexlab.workspace.codex_home.heal import heal_codex_home, mend_codex_home
from codexlab.workspace.errors import HomeRefused
from codexlab.workspace.paths import WorkspacePaths

pytestmark = pytest.mark.usefixtures("claim")

SAID = "[sandbox_workspace_write]\nnetwork_access = {} # mine\n"


def launch(paths: WorkspacePaths, shared: Path, asked: bool | None = None) -> tuple[bool, str]:
    """Heal for a launch, as a dry run foresees it; return what holds, and who decided."""
    foreseen = foresee_network(paths, shared, asked)
    found = heal_codex_home(paths, shared, writable_roots=["/cache"], network=asked).network
    assert isinstance(found, ConfiguredNetwork)
    assert found == foreseen
    table = config_of(paths)["sandbox_workspace_write"]
    assert isinstance(table, dict)
    assert table["network_access"] is found.open
    return found.open, found.decided_by


def test_a_launch_opens_the_network_unless_the_user_or_the_launch_says_otherwise(
    paths: WorkspacePaths, shared: Path
) -> None:
    assert launch(paths, shared) == (True, "default")
    assert launch(paths, shared) == (True, "default")
    assert launch(paths, shared, False) == (False, "setting")
    assert launch(paths, shared, False) == (False, "setting")
    assert launch(paths, shared, True) == (True, "setting")
    assert launch(paths, shared) == (True, "default")


@pytest.mark.parametrize("word", ["true", "false"])
@pytest.mark.parametrize("home", ["shared", "issue"])
def test_the_users_own_word_stays_and_comes_back(
    paths: WorkspacePaths, shared: Path, word: str, home: str
) -> None:
    if home == "issue":
        launch(paths, shared)
    place = shared if home == "shared" else paths.codex_home
    (place / "config.toml").write_text(SAID.format(word))
    users = (word == "true", "config.toml")
    if home == "issue" and word == "true":
        users = (True, "default")  # as a launch writes it
    assert launch(paths, shared) == users
    for asked in (True, False):
        assert launch(paths, shared, asked) == (asked, "setting")
        assert launch(paths, shared) == users
    launch(paths, shared, True)
    launch(paths, shared, False)
    assert launch(paths, shared) == users
    assert f"network_access = {word} # mine" in (paths.codex_home / "config.toml").read_text()


def test_what_one_launch_asked_for_is_no_edit_and_is_not_carried_on(
    paths: WorkspacePaths, shared: Path
) -> None:
    launch(paths, shared, False)
    (shared / "config.toml").write_text('model = "newer"\n')
    report = heal_codex_home(paths, shared)
    assert report.kept == ()
    assert config_of(paths)["model"] == "newer"
    assert launch(paths, shared) == (True, "default")


def test_a_refusal_given_here_survives_a_launch_and_a_reseed(
    paths: WorkspacePaths, shared: Path
) -> None:
    launch(paths, shared)
    place = paths.codex_home / "config.toml"
    place.write_text(place.read_text().replace("= true", "= false"))
    launch(paths, shared, True)
    (shared / "config.toml").write_text('model = "newer"\n')
    assert launch(paths, shared, True) == (True, "setting")
    assert launch(paths, shared) == (False, "config.toml")


def test_a_refusal_given_after_an_open_launch_is_the_users(
    paths: WorkspacePaths, shared: Path
) -> None:
    launch(paths, shared, True)
    place = paths.codex_home / "config.toml"
    place.write_text(place.read_text().replace("= true", "= false"))
    assert launch(paths, shared) == (False, "config.toml")


@pytest.mark.parametrize("asked", [True, False])
def test_a_launch_killed_before_it_wrote_the_file_leaves_the_users_word(
    paths: WorkspacePaths, shared: Path, asked: bool
) -> None:
    (shared / "config.toml").write_text(SAID.format("false"))
    launch(paths, shared, not asked)
    place = paths.codex_home / "config.toml"
    before = place.read_text()
    launch(paths, shared, asked)
    place.write_text(before)  # the record is written first
    assert launch(paths, shared) == (False, "config.toml")


def test_mending_by_hand_puts_the_users_word_back(paths: WorkspacePaths, shared: Path) -> None:
    (shared / "config.toml").write_text(SAID.format("false"))
    launch(paths, shared, True)
    mend_codex_home(paths, shared, merge=True)
    text = (paths.codex_home / "config.toml").read_text()
    assert tomllib.loads(text)["sandbox_workspace_write"]["network_access"] is False


@pytest.mark.parametrize("text", ["model = ", "sandbox_workspace_write = 3", "\xff"])
@pytest.mark.parametrize("home", ["shared", "issue"])
def test_a_file_that_cannot_say_it_ends_the_launch_that_asks(
    paths: WorkspacePaths, shared: Path, text: str, home: str
) -> None:
    heal_codex_home(paths, shared)
    place = (shared if home == "shared" else paths.codex_home) / "config.toml"
    place.write_text(text, "latin-1")
    expected = "so --network cannot be written; mend the file"
    with pytest.raises(HomeRefused, match=expected):
        foresee_network(paths, shared, False)
    with pytest.raises(HomeRefused, match=expected):
        heal_codex_home(paths, shared, network=False)
    assert place.read_text("latin-1") == text
    assert foresee_network(paths, shared, None) is None
    assert heal_codex_home(paths, shared).network is None


def test_a_word_that_is_no_switch_cannot_be_replaced(paths: WorkspacePaths, shared: Path) -> None:
    (shared / "config.toml").write_text(SAID.format('"perhaps"'))
    with pytest.raises(HomeRefused, match="network_access: expected true or false"):
        heal_codex_home(paths, shared, network=False)


def test_a_record_that_lies_does_not_open_what_a_launch_closes(
    paths: WorkspacePaths, shared: Path
) -> None:
    launch(paths, shared, False)
    place, record = paths.codex_home / "config.toml", paths.root / ".codexlab" / "home.json"
    launch(paths, shared, True)
    text, lie = place.read_text(), record.read_text()
    launch(paths, shared, False)
    place.write_text(text)
    record.write_text(lie)
    assert launch(paths, shared, False) == (False, "setting")
