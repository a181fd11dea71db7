"""Every decision about a user's bytes, as a table read aloud."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexlab.rollout.operations.journal_line import KeptKind
from codexlab.rollout.reconcile.compare import Comparison
from codexlab.rollout.reconcile.decide import (
    Action,
    Forms,
    Relation,
    decide_kept,
    decide_pair,
    relate,
)

LOSING = {Action.DROP, Action.FINISH, Action.WITHDRAW}
HOLDS_ALL = {Relation.SAME, Relation.WITHIN}


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("relation", Relation)
@pytest.mark.parametrize("forms", Forms)
@pytest.mark.parametrize("kind", KeptKind)
def test_a_kept_file_goes_only_when_nobody_writes_and_the_thread_holds_all_of_it(
    kind: KeptKind, forms: Forms, relation: Relation, written: bool
) -> None:
    action = decide_kept(kind, forms, relation, written=written)
    if action is Action.DROP:
        assert not written
        assert relation in HOLDS_ALL
        assert forms in {Forms.PLAIN, Forms.COMPRESSED}


@pytest.mark.parametrize("kind", KeptKind)
def test_what_its_owner_deleted_never_comes_back(kind: KeptKind) -> None:
    for relation, written in itertools.product(Relation, (False, True)):
        action = decide_kept(kind, Forms.NONE, relation, written=written)
        assert action is (Action.WAIT if written else Action.DELETED)


def test_a_kept_file_gets_its_name_back_only_where_no_plain_form_has_it() -> None:
    for kind, forms, relation, written in itertools.product(
        KeptKind, Forms, Relation, (False, True)
    ):
        if decide_kept(kind, forms, relation, written=written) is Action.PUT_BACK:
            assert forms is Forms.COMPRESSED
            assert kind is KeptKind.RETIRED


def test_lines_are_appended_only_once_their_writer_is_gone() -> None:
    for kind, forms, relation in itertools.product(KeptKind, Forms, Relation):
        action = decide_kept(kind, forms, relation, written=True)
        assert action not in {Action.APPEND, Action.MATERIALIZE}


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("relation", Relation)
def test_of_a_pair_a_form_goes_only_if_the_other_holds_all_of_it(
    relation: Relation, written: bool
) -> None:
    action = decide_pair(relation, written=written, empty=False)
    if action is Action.FINISH:
        assert relation in HOLDS_ALL
        assert not written
    if action is Action.WITHDRAW:
        assert relation in {Relation.SAME, Relation.BEYOND}
    if relation in {Relation.MIXED, Relation.APART, Relation.UNREADABLE}:
        assert action is Action.REPORT


def test_an_empty_plain_file_that_is_held_hides_the_history_and_is_set_aside() -> None:
    assert decide_pair(Relation.WITHIN, written=True, empty=True) is Action.SET_ASIDE
    assert decide_pair(Relation.WITHIN, written=False, empty=True) is Action.FINISH


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=40))
def test_relations_say_what_they_mean(start: bytes, left_end: bytes, right_end: bytes) -> None:
    left, right = start + left_end, start + right_end
    relation = relate(_compare(left, right), base=len(start))
    assert (relation is Relation.SAME) == (left == right)
    assert (relation is Relation.WITHIN) == (right.startswith(left) and left != right)
    assert (relation is Relation.BEYOND) == (left.startswith(right) and left != right)
    if relation is Relation.ALIEN:
        assert left.split(b"\n")[0] != right.split(b"\n")[0] or b"\n" not in left


def _compare(left: bytes, right: bytes) -> Comparison:
    common = next(
        (n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b),
        min(len(left), len(right)),
    )
    lines = left[:common].rfind(b"\n") + 1
    return Comparison(common, lines, len(left), len(right))
