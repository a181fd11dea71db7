"""The rows of the settings' table are whole: each says what a row can say, and a request has it."""

from __future__ import annotations

from dataclasses import fields

from codexlab.supervisor import LaunchRequest
from codexlab.supervisor.settings.table import BY_NAME, OLD_NAMES, SETTINGS, TABLES, Setting


def test_a_row_says_nothing_that_rows_do_not_have() -> None:
    known = {"name", "kind", "group", "help", *Setting.__annotations__}
    for row in SETTINGS:
        assert vars(row).keys() <= known, row.name


def test_every_row_is_a_field_of_a_request() -> None:
    names = {each.name for each in fields(LaunchRequest)}
    assert {row.field or row.name for row in SETTINGS} <= names


def test_no_two_rows_have_the_same_name_and_none_that_of_a_table() -> None:
    assert len(BY_NAME) == len(SETTINGS) + len(OLD_NAMES)
    assert not BY_NAME.keys() & TABLES
