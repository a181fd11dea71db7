"""codex-lab pins 42 edge cases; each has a test here, the same or changed for a reason.

The table names the tests, and this file checks that they are there and that a change
of the expectation comes with its reason.
"""

from __future__ import annotations

import pytest
from support.cases import Case, missing_tests

ENV, ARTIFACTS, TARGETS = "env/", "env/artifacts/test_", "env/targets/test_"
CLI, E2E = "cli/", "e2e/"


CASES = {
    1: Case(
        "explicit override, root missing",
        (
            CLI + "commands/test_artifacts.py::test_an_override_that_would_win_is_pointed_out",
            CLI + "commands/test_artifacts.py::"
            "test_a_missing_root_falls_back_visibly_and_is_not_created",
        ),
        "an override is taken away from agents and pointed out to people: it is what defeats "
        "routing; a missing root falls back to the checkout",
    ),
    2: Case(
        "inherited CARGO_TARGET_DIR with agent scope",
        (ENV + "test_launch_routes.py::"
         "test_of_four_inherited_routing_variables_two_are_dropped_and_two_forced",),
        "the scope wins: an inherited override would put every agent into one target",
    ),
    3: Case(
        "relative target",
        (ENV + "test_artifact_root.py::test_what_cannot_be_a_root_says_why",),
        "there are no target overrides, and a relative root is refused instead of guessed at",
    ),
    4: Case("key agent/session one",
            (ENV + "test_cargo.py::test_any_other_key_becomes_a_slug_and_a_hash",)),
    5: Case("key ..", (ENV + "test_cargo.py::test_routing_is_injective_and_stays_below_the_root",)),
    6: Case("unknown scope", (ENV + "test_cargo.py::test_an_unknown_scope_is_refused_by_name",)),
    7: Case(
        "two checkouts, same root",
        (ARTIFACTS + "repository.py::test_a_linked_worktree_knows_its_main_checkout",
         ENV + "test_codex_builds.py::test_another_issue_builds_in_another_target"),
    ),
    8: Case(
        "name from the origin",
        (ENV + "test_cargo.py::test_a_repository_is_called_by_the_last_segment_of_its_origin",),
    ),
    9: Case(
        "root missing",
        (ENV + "test_launch_routes.py::test_a_missing_root_is_a_visible_fallback",
         ENV + "test_launch_routes.py::"
         "test_with_a_required_root_that_is_missing_the_command_never_starts"),
        "a visible fallback, and failure only where --require-artifacts asks for it: an agent "
        "without its cache still works",
    ),
    10: Case("root unwritable", (
             ENV + "test_artifact_root.py::test_an_unwritable_root_is_refused",),
             "as 9: a visible fallback"),
    11: Case("another volume",
             (ENV + "test_artifact_root.py::test_another_volume_is_refused_and_both_are_named",
              ENV + "test_launch_routes.py::"
              "test_the_wrong_volume_at_the_right_place_is_a_visible_fallback"),
             "as 9: a visible fallback; nothing is created"),
    12: Case("volume id in another case",
             (ENV + "test_artifact_root.py::"
              "test_the_expected_volume_is_compared_without_regard_to_case",)),
    13: Case("expected volume on Linux",
             (ENV + "test_artifact_root.py::test_each_mount_has_an_id_of_its_own",),
             "checked instead of refused: the kernel tells a filesystem's UUID"),
    14: Case("resolver fails, build not launched",
             (ENV + "test_launch_routes.py::"
              "test_with_a_required_root_that_is_missing_the_command_never_starts",)),
    15: Case("cleanup dry run", (ARTIFACTS + "clean.py::test_a_plan_removes_nothing",)),
    16: Case("keep flags",
             (ARTIFACTS + "clean.py::test_each_keep_flag_keeps_exactly_its_category",)),
    17: Case("target or output out of bounds",
             (ARTIFACTS + "clean.py::"
              "test_places_that_variables_name_outside_the_root_are_never_candidates",),
             "no variable makes a candidate; status lists the place, clean does not know it"),
    18: Case("output path with ..",
             (ARTIFACTS + "clean.py::"
              "test_places_that_variables_name_outside_the_root_are_never_candidates",),
             "as 17"),
    19: Case("<root>/local is a link",
             (ARTIFACTS + "clean_links.py::test_a_link_anywhere_on_the_way_keeps_what_it_points_to",
              ARTIFACTS + "clean_links.py::test_a_link_put_in_the_way_after_the_plan_is_refused")),
    20: Case("bounded output and temp",
             (ARTIFACTS + "clean.py::test_each_keep_flag_keeps_exactly_its_category",)),
    21: Case("all four routing variables set",
             (ENV + "test_launch_routes.py::"
              "test_of_four_inherited_routing_variables_two_are_dropped_and_two_forced",
              ENV + "test_launch_routes.py::"
              "test_routing_variables_from_a_file_are_dropped_and_forced_alike")),
    22: Case("a real child prints scope and key",
             (ENV + "test_codex_builds.py::"
              "test_codexs_sandboxed_tool_builds_in_the_routed_target_and_warm_the_second_time",
              ENV + "test_launch_routes.py::test_one_key_per_issue_kept_for_later_tasks"),
             "the key belongs to the issue, not to the thread, so that its next task builds warm; "
             "--cargo-key gives codex-lab's behaviour"),
    23: Case("second run on a held target",
             (E2E + "test_two_at_once.py::test_the_second_gets_75_and_the_name_of_the_holder",
              TARGETS + "leases.py::"
              "test_many_may_build_in_one_target_and_nobody_removes_it_meanwhile"),
             "the workspace excludes, with 75; the target's lease is shared, as cargo has a lock"),
    24: Case("owner killed, descendant holds the lease",
             (TARGETS + "leases.py::test_a_lease_outlives_its_taker_in_whoever_inherited_it",)),
    25: Case("detached child outlives the foreground",
             (TARGETS + "leases.py::test_a_lease_outlives_its_taker_in_whoever_inherited_it",
              ARTIFACTS + "clean.py::test_a_leased_target_stays_even_when_everything_may_go")),
    26: Case("descendant closed its descriptor",
             (E2E + "endings/test_crashes.py::test_after_a_crash_the_next_launch_runs_alone",
              ARTIFACTS + "clean.py::test_a_target_in_which_cargo_builds_without_a_lease_stays"),
             "survivors are found by cgroup and tag and ended before anything is touched; "
             "cargo's own lock is looked at too"),
    27: Case("spawn fails",
             (TARGETS + "index.py::test_a_failed_preparation_gives_the_lease_back",),
             "no claim stays active: a lease is the lock and nothing else"),
    28: Case("SIGTERM before the spawn",
             (ENV + "test_launch_routes.py::"
              "test_a_signal_before_the_command_starts_keeps_it_from_starting",)),
    29: Case("malformed, oversize or linked claim",
             (TARGETS + "index.py::test_a_malformed_entry_is_no_entry",
              TARGETS + "index.py::test_an_entry_of_another_target_or_behind_a_link_is_no_entry",
              TARGETS + "leases.py::test_a_link_in_place_of_a_lease_file_is_refused"),
             "the entry only explains, so a bad one is an unknown owner; the lease fails closed"),
    30: Case("nested ownership",
             (ENV + "policy/test_build.py::"
              "test_a_drop_rule_beats_globs_and_yields_to_an_exact_name",),
             "an inherited lease variable is dropped, and shared leases nest"),
    31: Case("lease not a number, or stripped",
             (ENV + "policy/test_build.py::"
              "test_a_drop_rule_beats_globs_and_yields_to_an_exact_name",),
             "as 30: descriptors are handed over by the guardian, not by a variable"),
    32: Case("worktree path made anew",
             (ENV + "test_cargo.py::test_a_new_key_reads_as_its_issue_and_survives_both_sanitizers",
              ARTIFACTS + "clean.py::"
              "test_a_directory_made_anew_at_the_same_place_is_not_the_one_that_was_judged"),
             "a new workspace gets a new key; the old target goes by age, not by its path"),
    33: Case("time is NaN",
             (TARGETS + "index.py::test_a_malformed_entry_is_no_entry",
              ARTIFACTS + "clean.py::test_a_time_in_the_future_keeps")),
    34: Case("lock deleted or replaced",
             (TARGETS + "leases.py::test_a_lease_file_that_lost_its_name_is_not_the_lease",
              ARTIFACTS + "clean.py::test_a_plan_removes_nothing"),
             "a lost name is a lost lease, noticed at the next locking; cargo's lock"
             " still protects"),
    35: Case("run on a target being deleted",
             (TARGETS + "leases.py::test_a_target_that_is_being_removed_takes_no_builder",
              TARGETS + "leases.py::test_other_targets_have_other_leases")),
    36: Case("interrupted deletion",
             (ARTIFACTS + "clean.py::"
              "test_a_kill_at_any_step_leaves_all_or_nothing_and_the_next_cleanup_finishes",),
             "finished by the next cleanup: what is in quarantine was already judged"),
    37: Case("floors", (TARGETS + "floors.py::test_a_floor_that_is_no_canonical_decimal_is_refused",
                        TARGETS + "floors.py::test_exactly_enough_is_enough_and_one_less_is_not")),
    38: Case("missing prefix before .., loop, dangling link",
             (TARGETS + "floors.py::test_a_place_that_cannot_be_measured_is_refused",)),
    39: Case("space recovers after a collection",
             (TARGETS + "floors.py::test_a_volume_that_fills_up_falls_below_its_floor",
              ARTIFACTS + "clean.py::test_a_full_volume_can_still_be_cleaned"),
             "a launch collects nothing: it refuses and names the command that makes room"),
    40: Case("launch cancelled beforehand",
             (ENV + "test_launch_routes.py::"
              "test_a_signal_before_the_command_starts_keeps_it_from_starting",)),
    41: Case("timeout with background children",
             (E2E + "endings/test_endings.py::test_what_codex_left_behind_is_swept_and_counted",
              E2E + "endings/test_endings.py::test_the_time_limit_ends_a_run_with_124")),
    42: Case("source gone, old and idle",
             (ARTIFACTS + "clean.py::"
              "test_the_target_of_a_workdir_that_is_gone_goes_when_it_is_old",)),
}  # fmt: skip


def test_all_42_cases_are_here() -> None:
    assert sorted(CASES) == list(range(1, 43))


@pytest.mark.parametrize("number", CASES)
def test_the_tests_of_a_case_are_there(number: int) -> None:
    assert CASES[number].tests
    assert missing_tests(CASES[number]) == []
