"""A vocabulary is an enum: its words are spelled in one place, and compared by their members."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.product import modules, name_of

MODULES = modules()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_vocabulary_is_a_literal_of_strings(path: Path) -> None:
    assert list(spelled_vocabularies(path.read_text())) == []


@pytest.mark.parametrize(
    "line",
    [
        'State = Literal["new", "ready"]',
        'State = typing.Literal[\n    "new",\n    "ready",\n]',
        'def f(mode: Literal["r", "w"]) -> None: ...',
        'Status = State | Literal["lost", "gone"]',
        "def f(mode: \"Literal['r', 'w']\") -> None: ...",
    ],
)
def test_each_spelling_of_a_vocabulary_is_seen(line: str) -> None:
    assert list(spelled_vocabularies(line))


@pytest.mark.parametrize(
    "line", ['x: Literal["removal"] | None', "End = Literal[Reason.TIMEOUT, Reason.IDLE]"]
)
def test_one_word_and_a_part_of_an_enum_are_none(line: str) -> None:
    assert list(spelled_vocabularies(line)) == []


def spelled_vocabularies(source: str) -> Iterator[int]:
    """Yield the lines with a ``Literal`` of two or more strings."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Subscript(
                value=ast.Name(id="Literal") | ast.Attribute(attr="Literal"),
                slice=ast.Tuple(elts=words),
            ):
                if sum(is_text(word) for word in words) > 1:
                    yield node.lineno
            case ast.Constant(value=str(text)) if "Literal[" in text:
                yield node.lineno
            case _:
                pass


def is_text(word: ast.expr) -> bool:
    return isinstance(word, ast.Constant) and isinstance(word.value, str)
