"""codex's own tests of its rollout store, 40 cases, and five of ours: where each is held to.

The table names the tests, and this file checks that they are there. What codexlab
expects otherwise, or leaves to codex, comes with its reason.
"""

from __future__ import annotations

import pytest
from support.cases import Case, missing_tests

HERE, FAULTS = "rollout/", "faults/rollout/test_"
CLI, E2E = "cli/commands/rollout/test_", "e2e/threads/test_"
NO_RECORDER = "codexlab records no conversation: codex does; what we append goes through `append`"


CASES = {
    "1": Case(
        "a rollout that is only compressed loads, and nothing is materialized",
        (HERE + "reading/test_meta.py::"
         "test_either_form_is_read_by_its_plain_path_and_nothing_is_materialized",),
    ),
    "2": Case(
        "a compressed name normalizes to the plain one",
        (HERE + "store/test_names.py::test_a_compressed_name_normalizes_to_the_plain_one",),
    ),
    "3": Case(
        "the frame is hidden while the plain form exists",
        (HERE + "store/test_store.py::"
         "test_the_compressed_form_is_hidden_while_the_plain_one_exists",
         HERE + "reading/test_reader.py::test_plain_wins_over_compressed_and_neither_is_an_error"),
    ),
    "4": Case(
        "reading the meta record stops before an invalid tail",
        (HERE + "reading/test_meta.py::test_reading_stops_before_an_invalid_tail",),
    ),
    "5": Case(
        "lines before the meta record; distinct errors",
        (HERE + "reading/test_meta.py::test_blank_bad_and_event_lines_before_it_are_passed_over",
         HERE + "reading/test_meta.py::test_each_way_of_having_no_name_is_its_own_error"),
    ),
    "6": Case(
        "appending materializes",
        (HERE + "reconcile/test_append.py::test_appending_to_a_frame_materializes_it_first",),
    ),
    "7": Case(
        "resuming a compressed rollout",
        (HERE + "catalog/test_lookup.py::test_a_path_resolves_in_either_form_wherever_it_lies",
         HERE + "reconcile/test_append.py::test_mode_and_mtime_come_back",
         HERE + "test_real_codex.py::test_codex_resumes_what_we_compressed_and_every_line_is_there",
         E2E + "resume.py::test_a_compressed_thread_is_resumed_by_any_codex"),
        "a restored file keeps its mtime: restoring is no use of the thread, and codex, which "
        "opens it then, advances it itself",
    ),
    "8": Case(
        "search without rg finds compressed text, keyed by the plain path",
        (HERE + "search/test_search.py::"
         "test_text_is_found_in_either_form_keyed_by_the_plain_path",),
    ),
    "9": Case(
        "cold ones compressed, fresh ones kept, temporary files",
        (HERE + "maintenance/test_sweep.py::"
         "test_cold_files_are_compressed_and_settled_and_nothing_is_left",
         HERE + "maintenance/test_sweep.py::test_fresh_files_are_passed_over_in_silence",
         HERE + "maintenance/test_sweep.py::"
         "test_temporary_files_of_the_dead_go_and_those_of_the_living_stay"),
        "a temporary file is judged by its lock and not by its age; there is no marker",
    ),
    "10": Case(
        "the maintenance lock is honoured",
        (HERE + "maintenance/test_sweep.py::test_a_sweep_stands_aside_for_codex_and_for_another",),
    ),
    "11": Case(
        "a chain of forks round-trips byte for byte",
        (HERE + "test_forks.py::test_codex_goes_on_with_each_of_a_chain_of_compressed_forks",),
    ),
    "12": Case(
        "what names no thread is skipped, others proceed",
        (HERE + "test_compress.py::test_links_pipes_and_files_that_name_no_thread_are_left_alone",
         HERE + "test_compress.py::test_a_full_disk_fails_one_file_and_leaves_it_whole"),
    ),
    "13": Case("mode 0600 kept", (HERE + "test_compress.py::test_mode_and_mtime_are_kept",)),
    "14": Case(
        "mode 0400 and mtime kept", (HERE + "test_compress.py::test_mode_and_mtime_are_kept",)
    ),
    "15": Case(
        "mode kept when made plain again",
        (HERE + "reconcile/test_append.py::test_mode_and_mtime_come_back",),
    ),
    "16": Case(
        "nothing that exists is replaced",
        (HERE + "test_compress.py::test_an_existing_frame_is_never_touched",
         HERE + "reconcile/test_append.py::test_a_plain_form_that_comes_meanwhile_is_not_replaced"),
    ),
    "17": Case(
        "what is compressed is skipped and readable",
        (HERE + "test_compress.py::test_an_existing_frame_is_never_touched",
         HERE + "maintenance/test_sweep.py::"
         "test_cold_files_are_compressed_and_settled_and_nothing_is_left"),
    ),
    "18": Case(
        "a fresh marker suppresses a run",
        (HERE + "maintenance/test_sweep.py::test_a_budget_ends_a_sweep_and_the_next_goes_on",
         HERE + "maintenance/test_sweep.py::test_a_sweep_stands_aside_for_codex_and_for_another"),
        "there is no marker: what is done is its own record, and a lock keeps sweeps apart",
    ),
    "19": Case(
        "look-up by id",
        (HERE + "catalog/test_lookup.py::"
         "test_a_compressed_rollout_is_found_by_id_and_named_by_its_plain_path",
         HERE + "catalog/test_lookup.py::test_what_is_no_uuid_finds_nothing"),
    ),
    "20": Case(
        "temporary names never resolve",
        (HERE + "catalog/test_lookup.py::test_a_temporary_file_never_resolves",
         HERE + "test_manifest.py::"
         "test_names_of_kept_files_hold_no_thread_id_and_lie_beside_the_resolved_store"),
    ),
    "21": Case(
        "many cold files, by several workers",
        (HERE + "test_compress.py::test_many_small_files_each_become_their_own_frame",),
    ),
    "22": Case(
        "one owner for each thread; files removed on release",
        (HERE + "test_thread_lease.py::test_a_second_writer_is_refused_and_told_who_the_first_is",
         HERE + "test_thread_lease.py::"
         "test_release_removes_the_file_and_a_second_release_does_nothing"),
    ),
    "23": Case(
        "stale lock files swept, held ones kept",
        (HERE + "test_thread_lease.py::test_sweep_unlinks_what_nobody_holds_and_nothing_else",
         HERE + "maintenance/test_sweep.py::"
         "test_lock_files_of_killed_writers_go_and_held_ones_stay"),
    ),
    "24": Case(
        "publication skips a living writer, holds coordination, ignores an unlocked file",
        (FAULTS + "interleavings.py::test_without_its_guard_the_scenario_breaks_the_invariant",
         HERE + "test_thread_lease.py::test_nobody_becomes_a_writer_while_coordination_is_held",
         HERE + "test_thread_lease.py::test_a_file_left_by_a_killed_writer_is_no_lock",
         HERE + "test_real_codex.py::"
         "test_while_codex_writes_we_are_refused_and_told_that_it_is_codex"),
    ),
    "25": Case(
        "an idle loaded thread is left alone, its neighbour is not",
        (HERE + "test_real_codex.py::"
         "test_an_idle_loaded_thread_is_left_alone_and_its_neighbour_is_compressed",),
    ),
    "26": Case(
        "an acknowledged write survives compression",
        (FAULTS + "race.py::test_every_acknowledged_line_survives_once_and_in_order",
         FAULTS + "interleavings.py::test_no_line_is_lost_or_doubled"),
        "the queue is codex's own; ours is held to every line that write(2) accepted, with the "
        "lock and without",
    ),
    "27": Case(
        "a competing update conflicts and changes nothing; works on a frame later",
        (HERE + "reconcile/test_append.py::test_a_thread_with_a_writer_is_not_appended_to",
         HERE + "reconcile/test_append.py::test_appending_to_a_frame_materializes_it_first",
         HERE + "catalog/test_lookup.py::test_a_stale_or_foreign_database_falls_back_to_the_files"),
        "the state database is a hint that is read and never written",
    ),
    "28": Case(
        "archive and unarchive",
        (HERE + "test_real_codex.py::"
         "test_a_thread_that_codex_archives_before_we_settle_is_settled_where_it_is",
         FAULTS + "interleavings.py::"
         "test_what_its_owner_moves_between_the_two_halves_leaves_no_frame_behind",
         HERE + "store/test_store.py::test_a_rollout_moved_between_the_places_is_counted_once"),
        "only codex archives; whenever it does, no form stays behind",
    ),
    "29": Case(
        "delete removes both forms",
        (FAULTS + "deletions.py::test_what_codex_deletes_between_two_steps_stays_deleted",
         FAULTS + "deletions.py::"
         "test_what_is_removed_by_hand_at_any_step_of_compressing_stays_removed",
         HERE + "test_real_codex.py::"
         "test_a_thread_that_codex_deletes_before_we_settle_stays_deleted"),
        "only codex deletes; what it deleted stays so, whatever we had kept",
    ),
    "30": Case(
        "no file before the first flush",
        (HERE + "reconcile/test_append.py::test_nothing_is_made_where_there_is_no_rollout",),
        NO_RECORDER + ", which makes no rollout",
    ),
    "31": Case(
        "a failed write is repeated once",
        (HERE + "reconcile/test_append.py::"
         "test_after_a_full_disk_the_repeated_lines_stand_once_behind_the_torn_one",
         FAULTS + "crashes.py::test_killed_before_each_call_the_next_sweep_leaves_every_line_once"),
        NO_RECORDER + "; its caller repeats. Lines that settling salvages are never repeated",
    ),
    "32": Case(
        "a torn tail is ended once; opening keeps the mtime",
        (HERE + "reconcile/test_append.py::test_a_torn_last_line_is_ended_and_stays",
         HERE + "reading/test_reader.py::"
         "test_the_snapshot_stays_while_the_form_changes_and_a_writer_appends"),
    ),
    "33": Case(
        "ordinals after a torn tail",
        (HERE + "maintenance/test_verify.py::test_ordinals_may_leave_gaps_but_not_repeat_or_fall",
         HERE + "maintenance/test_verify.py::test_each_bad_line_is_named_and_hides_no_other"),
        "ordinals are codex's to give; `verify` says where they repeat or fall",
    ),
    "34": Case(
        "ordinal overflow",
        (HERE + "maintenance/test_verify.py::test_ordinals_may_leave_gaps_but_not_repeat_or_fall",),
        "as 33; a number of any size is compared",
    ),
    "35": Case(
        "a stale or foreign database falls back to the files",
        (HERE + "catalog/test_lookup.py::test_a_stale_or_foreign_database_falls_back_to_the_files",
         HERE + "catalog/test_lookup.py::"
         "test_a_database_that_names_another_threads_file_is_not_believed"),
    ),
    "36": Case(
        "stable pages; updated is the mtime",
        (HERE + "catalog/test_listing.py::"
         "test_pages_are_stable_within_one_second_and_across_places",
         HERE + "catalog/test_listing.py::test_updated_at_is_the_mtime_and_can_order_the_pages"),
    ),
    "37": Case(
        "the newest revert wins",
        (HERE + "catalog/test_lookup.py::"
         "test_the_newest_revert_wins_and_upper_case_is_the_same_id",),
    ),
    "38": Case(
        "the last name of a thread wins",
        (HERE + "catalog/test_listing.py::test_the_last_name_given_to_a_thread_wins",),
    ),
    "39": Case(
        "reading backwards across chunk edges, bad tails, CRLF",
        (HERE + "reading/test_reader.py::test_lines_across_chunk_edges_are_whole",
         HERE + "reading/test_reader.py::test_anything_is_read_as_its_lines_at_their_offsets"),
    ),
    "40": Case(
        "an open snapshot survives a swap; frames of every kind",
        (HERE + "reading/test_reader.py::"
         "test_the_snapshot_stays_while_the_form_changes_and_a_writer_appends",
         HERE + "reading/test_reader.py::"
         "test_sized_unsized_concatenated_and_skippable_frames_are_one_rollout"),
    ),
    "kill -9 at each publish step": Case(
        "R1 to R5",
        (FAULTS + "crashes.py::test_killed_before_each_call_the_next_sweep_leaves_every_line_once",
         FAULTS + "syscalls.py::"
         "test_killed_at_each_system_call_the_next_sweep_leaves_every_line_once"),
    ),
    "stale sibling": Case(
        "R4",
        (HERE + "maintenance/test_sweep.py::test_a_pair_that_codex_may_be_at_work_on_is_left_alone",
         HERE + "maintenance/test_verify.py::"
         "test_a_frame_whose_plain_form_was_archived_without_it_is_moved_aside"),
    ),
    "retired-file growth": Case(
        "R1",
        (HERE + "maintenance/test_sweep.py::"
         "test_lines_written_to_a_kept_file_come_back_whatever_the_form",
         FAULTS + "interleavings.py::test_no_line_is_lost_or_doubled"),
    ),
    "bit flip": Case(
        "R9",
        (HERE + "reconcile/test_compare.py::test_every_single_flipped_bit_of_a_frame_is_seen",),
    ),
    "mixed old binary": Case(
        "R7",
        (FAULTS + "race_codex.py::test_what_codex_said_is_there_once_whatever_we_did_meanwhile",
         HERE + "test_real_codex.py::test_old_codex_resumes_what_we_restored"),
    ),
}  # fmt: skip


def test_all_40_cases_and_the_five_of_ours_are_here() -> None:
    numbered = [int(name) for name in CASES if name.isdecimal()]
    assert numbered == list(range(1, 41))
    assert len(CASES) == 45


@pytest.mark.parametrize("name", CASES)
def test_the_tests_of_a_case_are_there(name: str) -> None:
    assert CASES[name].tests
    assert missing_tests(CASES[name]) == []
