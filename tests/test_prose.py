"""Sentences of docstrings, comments, messages and pages are short enough to follow."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.product import PACKAGES, ROOT
from support.prose import LONGEST, sentences_of, too_long

# CHANGELOG.md is history.
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")),
)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_sentence_of_a_package_is_too_long(package: str) -> None:
    modules = sorted((ROOT / package).rglob("*.py"))
    assert [line for path in modules for line in too_long(path, ROOT)] == []


@pytest.mark.parametrize("page", PAGES)
def test_no_sentence_of_a_page_is_too_long(page: str) -> None:
    assert too_long(ROOT / page, ROOT) == []


def sentences(path: Path, text: str) -> list[str]:
    path.write_text(text)
    return [found.text for found in sentences_of(path, path.parent)]


def test_a_sentence_ends_at_its_stop_and_with_its_paragraph(tmp_path: Path) -> None:
    page = "# Title\n\nOne, e.g. this\none. Two\n\n- An item\n  of two lines\n- another\n"
    assert sentences(tmp_path / "a.md", page) == [
        "One, e.g. this one.",
        "Two",
        "An item of two lines",
        "another",
    ]


def test_a_cell_of_a_table_is_by_itself_and_an_example_is_left_out(tmp_path: Path) -> None:
    page = "| Head | Cell two |\n|---|---|\n| a b | c |\n\n```\nno words\n```\n"
    assert sentences(tmp_path / "a.md", page) == ["Head", "Cell two", "a b", "c"]


def test_docstrings_with_their_fields_and_comments_are_read(tmp_path: Path) -> None:
    module = (
        '"""First.\n\nSecond\nline.\n\n:param a: the field.\n"""\nx = 1  # beside\n# a\n# block\n'
    )
    assert sentences(tmp_path / "a.py", module) == [
        "First.",
        "Second line.",
        "the field.",
        "beside",
        "a block",
    ]


def test_names_in_code_count_as_one_word_and_the_longest_passes(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text("`one two` `three.` " + "word " * (LONGEST - 1))
    assert too_long(page, tmp_path) == []
    page.write_text("word " * (LONGEST + 1))
    assert len(too_long(page, tmp_path)) == 1


def test_an_indented_paragraph_belongs_to_its_item_and_an_example_does_not(tmp_path: Path) -> None:
    page = (
        "1. An item.\n\n    Its second paragraph.\n\n        an example in it\n\n"
        "Text.\n\n    an example\n\n- Item\n\n  Its own.\n\nText.\n\n    another example\n"
    )
    assert sentences(tmp_path / "a.md", page) == [
        "An item.",
        "Its second paragraph.",
        "Text.",
        "Item",
        "Its own.",
        "Text.",
    ]


def test_a_message_is_read_as_it_is_joined_and_a_table_of_names_is_not(tmp_path: Path) -> None:
    module = (
        'NAMES = "ONE TWO_*".split()\n'
        "def f(a):\n"
        '    """Doc."""\n'
        '    end = "shorter" if a else "a longer end"\n'
        '    hint = f"call {a}"\n'
        '    message = f"{a}: it" f" has {end}; " + hint\n'
        "    raise ValueError(message)\n"
    )
    found = sentences(tmp_path / "a.py", module)
    assert "VALUE: it has a longer end; call VALUE" in found
    assert found.count("Doc.") == 1
    assert not any("ONE" in text for text in found)


@pytest.mark.parametrize(
    "statement",
    ["raise E({})", "click.echo({})", "f(help={})", "x = {}\nraise E(x)", "yield a + {}"],
)
def test_a_long_message_is_found_wherever_it_stands(tmp_path: Path, statement: str) -> None:
    module = tmp_path / "a.py"
    module.write_text(statement.format(repr("word " * LONGEST)))
    assert too_long(module, tmp_path) == []
    module.write_text(statement.format(repr("word " * (LONGEST + 1))))
    assert too_long(module, tmp_path) != []
