"""The run that a name means: issue, run id, its beginning, or the last run."""

from __future__ import annotations

import pytest

from codexlab.cli.context.run_names import AmbiguousRun, KnownRun, UnknownRun, choose_run
from codexlab.kernel.values import replace


def a_run(run_id: str, issue: str = "7", *, project: str = "web", agent: str = "codex") -> KnownRun:
    day, clock = run_id[:8], run_id[9:15]
    started = f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}.000Z"
    return KnownRun(run_id, project, issue, agent, started)


OLD = a_run("20260130T080000Z-aaaa1111")
NEW = a_run("20260131T090000Z-bbbb2222")


def chosen(
    name: str, *runs: KnownRun, project: str | None = "web", live_first: bool = False
) -> str:
    return choose_run(name, runs, project, live_first=live_first).run_id


def test_an_issue_names_its_newest_run() -> None:
    assert chosen("7", NEW, OLD) == chosen("7", OLD, NEW) == NEW.run_id


def test_an_issue_of_this_project_goes_before_a_newer_run_of_another() -> None:
    assert chosen("7", OLD, replace(NEW, project="api")) == OLD.run_id
    assert chosen("7", OLD, replace(NEW, project="api"), project="api") == NEW.run_id


def test_an_issue_that_only_another_project_has_is_that_projects() -> None:
    elsewhere = replace(NEW, project="api")
    assert chosen("7", elsewhere, replace(OLD, issue="8")) == NEW.run_id
    assert chosen("7", elsewhere, project=None) == NEW.run_id


def test_an_issue_of_several_other_projects_is_ambiguous() -> None:
    with pytest.raises(AmbiguousRun) as caught:
        chosen("7", OLD, replace(NEW, project="api"), project="here")
    assert [run.run_id for run in caught.value.choices] == [NEW.run_id, OLD.run_id]
    line = str(caught.value)
    assert line.startswith("7: 2 runs have that name, choose by run id: 20260131T090000Z-bbbb2222")
    assert "(issue 7 of api, codex, started 2026-01-31 " in line


def test_with_several_agents_an_issue_names_the_newest_run_of_all() -> None:
    claude = replace(NEW, agent="claude")
    assert chosen("7", OLD, claude) == claude.run_id
    assert chosen("7/codex", OLD, claude) == OLD.run_id
    assert chosen("web/7", OLD, claude) == claude.run_id
    assert chosen("web/7/codex", OLD, claude, project="api") == OLD.run_id


def test_an_issue_with_a_slash_goes_before_an_issue_and_its_agent() -> None:
    slashed = replace(OLD, issue="7/codex")
    assert chosen("7/codex", slashed, NEW) == slashed.run_id
    with pytest.raises(AmbiguousRun):
        chosen("web/7/codex", slashed, NEW)


def test_a_run_id_is_named_whole_by_its_beginning_or_by_the_part_behind_its_date() -> None:
    for name in (OLD.run_id, "20260130", "20260130T08", "aaaa", "aaaa1111"):
        assert chosen(name, OLD, NEW) == OLD.run_id


def test_a_whole_run_id_is_that_run_even_if_an_issue_has_its_name() -> None:
    assert chosen(OLD.run_id, OLD, replace(NEW, issue=OLD.run_id)) == OLD.run_id


@pytest.mark.parametrize("name", ["202", "aaa", "8", "1111", "Z-aaaa"])
def test_a_beginning_of_less_than_four_characters_names_no_run(name: str) -> None:
    with pytest.raises(UnknownRun):
        chosen(name, OLD)


def test_a_beginning_that_several_runs_share_is_ambiguous() -> None:
    with pytest.raises(AmbiguousRun, match="2 runs have that name"):
        chosen("202601", OLD, NEW)


def test_of_many_choices_five_are_shown() -> None:
    runs = [a_run(f"20260131T0900{second:02}Z-cccc{second:04}") for second in range(8)]
    with pytest.raises(AmbiguousRun) as caught:
        chosen("cccc", *runs)
    line = str(caught.value)
    assert line.count("(issue 7 of web, codex, started ") == 5
    assert line.endswith("; 3 more")


def test_the_last_run_is_that_of_this_project_else_of_all() -> None:
    elsewhere = replace(NEW, project="api")
    assert chosen("-", OLD, elsewhere) == OLD.run_id
    assert chosen("-", OLD, elsewhere, project="here") == NEW.run_id
    with pytest.raises(UnknownRun, match="there is no run yet"):
        chosen("-")


def test_a_run_that_never_got_its_workspace_is_not_what_an_issue_names() -> None:
    refused = replace(NEW, held=False)
    assert chosen("7", OLD, refused) == OLD.run_id
    assert chosen("7", refused) == refused.run_id
    assert chosen("-", OLD, refused) == refused.run_id


def test_who_asks_for_a_live_run_gets_it_before_a_newer_run_that_has_ended() -> None:
    live = replace(OLD, live=True)
    assert chosen("7", live, NEW) == NEW.run_id
    assert chosen("7", live, NEW, live_first=True) == live.run_id
    waiting = replace(NEW, held=False, live=True)
    assert chosen("7", live, waiting, live_first=True) == live.run_id
    assert chosen("7", OLD, waiting, live_first=True) == waiting.run_id
    assert chosen("-", live, NEW, live_first=True) == NEW.run_id


def test_an_unknown_name_says_which_are_near() -> None:
    with pytest.raises(UnknownRun) as caught:
        chosen("parser-fix", replace(OLD, issue="parser-fx"), NEW)
    assert str(caught.value) == "parser-fix: no run has that name; near: parser-fx"
    with pytest.raises(UnknownRun, match="nothing: no run has that name; see codexlab ps --all"):
        chosen("nothing", OLD)
    with pytest.raises(UnknownRun, match="the name of a run is empty"):
        chosen("", OLD)


def test_names_that_would_control_a_terminal_are_shown_harmlessly() -> None:
    hostile = [replace(run, issue="7\x1b[2J\n", project=p) for run, p in ((OLD, "a"), (NEW, "b"))]
    with pytest.raises(AmbiguousRun) as caught:
        chosen("7\x1b[2J\n", *hostile)
    assert "\x1b" not in str(caught.value)
    assert "\n" not in str(caught.value)
