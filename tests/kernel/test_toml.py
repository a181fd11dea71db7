"""TOML as codex reads it, also where the standard library is a version behind."""

from __future__ import annotations

import tomllib
from datetime import time

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from codexlab.kernel.toml import TomlError, decode_toml, parse_toml

ONLY_1_1 = {
    "line breaks in an inline table": (
        'a = {\n  b = 1,\n  c = "}"\n}\n',
        {"a": {"b": 1, "c": "}"}},
    ),
    "a last comma": ("a = { b = 1, }\n", {"a": {"b": 1}}),
    "a last comma, a comment, and windows": (
        "a = {\r\n  b = [ 1, 2, ], # one, two }\r\n  # end\r\n}\r\nc = 1\r\n",
        {"a": {"b": [1, 2]}, "c": 1},
    ),
    "inline tables in a list": ("a = [ { b = 1, }, {\n c = 2 }, ]\n", {"a": [{"b": 1}, {"c": 2}]}),
    "escapes": ('a = "\\e[0m\\x41\\\\e"\n', {"a": "\x1b[0mA\\e"}),
    "escapes in a long text": ('a = """\n\\x41"\\e"""\n', {"a": 'A"\x1b'}),
    "a time without seconds": ("a = 07:32\n", {"a": time(7, 32)}),
    "a literal text is left alone": (
        "a = { b = '\\x41 07:32 { #', }\nc = 07:32\n",
        {"a": {"b": "\\x41 07:32 { #"}, "c": time(7, 32)},
    ),
}


@pytest.mark.parametrize(("text", "values"), ONLY_1_1.values(), ids=ONLY_1_1)
def test_what_only_the_newer_version_allows_is_read(text: str, values: object) -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(text)
    assert parse_toml(text) == values == tomlkit.parse(text).unwrap()


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert parse_toml(decode_toml(b'\xef\xbb\xbfa = "b"\n')) == {"a": "b"}


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb = \n", 2), ("a = {\n b = 1,,\n}\n", 1), ('a = "\n', 1), ("a = { b = 1 \n", 1)],
)
def test_what_is_no_toml_is_an_error_with_its_line(text: str, line: int) -> None:
    with pytest.raises(TomlError, match="not TOML") as caught:
        parse_toml(text)
    assert caught.value.line == line


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "{b=" * 100_000])
def test_a_text_nested_without_end_is_an_error_and_no_traceback(text: str) -> None:
    with pytest.raises(TomlError, match="nested too deeply"):
        parse_toml(text)


def test_bytes_that_are_no_text_are_an_error_with_its_line() -> None:
    with pytest.raises(TomlError, match="line 2: not UTF-8"):
        decode_toml(b"a = 1\n\xff = 2\n")


_VALUES = st.recursive(
    st.integers(-9, 9) | st.booleans() | st.text("ab\\\"'#{}[],:\n\x1b é", max_size=8) | st.times(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab#", min_size=1), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text("ab{'\"", min_size=1, max_size=4), _VALUES, max_size=4))
def test_whatever_a_file_says_is_read_as_it_was_written(values: dict[str, object]) -> None:
    text = tomlkit.dumps(values)
    assert parse_toml("first = { a = 1, }\n" + text) == {"first": {"a": 1}, **tomllib.loads(text)}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = 1\na" + ".a" * 40_000 + " = 1\n", 2),
        ("[a" + ' . "a"' * 40_000 + "]\n", 1),
        ("x = {\n a" + ".a" * 40_000 + " = 1 }\n", 2),
        ("".join(f"k{number}{'.a' * 60} = 1\n" for number in range(5_000)), None),
    ],
    ids=["a key", "a header", "in a table", "many keys"],
)
def test_dotted_keys_that_cost_memory_out_of_proportion_are_refused(
    text: str, line: int | None
) -> None:
    with pytest.raises(TomlError, match="a key of more than 64 parts, or too many keys") as caught:
        parse_toml(text)
    assert line in (None, caught.value.line)


def test_dots_that_are_in_no_key_are_not_counted() -> None:
    text = f"a = '{'.' * 20_000}' # {'.' * 20_000}\nb = [{'1.5, ' * 3_000}]\n"
    values = parse_toml(text)
    assert (len(values["a"]), len(values["b"])) == (20_000, 3_000)
