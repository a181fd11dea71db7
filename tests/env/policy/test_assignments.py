"""NAME=VALUE from flags and files, good and bad."""

from __future__ import annotations

from pathlib import Path

import pytest

from codexlab.env.errors import AssignmentError, EnvFileError
from codexlab.env.policy.assignments import parse_assignment, parse_env_file


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1", ("A", "1")),
        ("_a9=", ("_a9", "")),
        ("A=b=c", ("A", "b=c")),
        ("A= \n'x' ", ("A", " \n'x' ")),
    ],
)
def test_the_value_is_everything_after_the_first_equals_sign(
    text: str, expected: tuple[str, str]
) -> None:
    assert parse_assignment(text) == expected


@pytest.mark.parametrize("text", ["", "A", "=x", "1A=x", "A B=x", "A-B=x", "é=x", "A=\0"])
def test_a_malformed_assignment_is_one_clear_line(text: str) -> None:
    with pytest.raises(AssignmentError, match=r"--set: .*expected NAME=VALUE") as caught:
        parse_assignment(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["sk-proj-hunter2", "sk hunter2=x", "A=hunter2\0"])
def test_what_may_be_a_secret_in_the_wrong_place_is_not_repeated(text: str) -> None:
    with pytest.raises(AssignmentError) as caught:
        parse_assignment(text)
    assert "hunter2" not in str(caught.value)


def write(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "vars.env"
    path.write_bytes(content)
    return path


def test_a_file_is_read_line_by_line(tmp_path: Path) -> None:
    content = (
        b"\xef\xbb\xbf# comment\r\n\r\nA=1\r\nexport B = two words \n"
        b'C=\'it is $HOME # "x"\' # why\nD="a\\n\\"b\\" \\\\ \\$x"\nE=#not a comment\nA=2\nF=\n'
    )
    assert dict(parse_env_file(write(tmp_path, content))) == {
        "A": "2",
        "B": "two words",
        "C": 'it is $HOME # "x"',
        "D": 'a\n"b" \\ $x',
        "E": "#not a comment",
        "F": "",
    }


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"A=1\nnonsense\n", 2),
        (b"=x\n", 1),
        (b"A='x\n", 1),
        (b'A="x" y\n', 1),
        (b'A="x\\"\n', 1),
        (b"A=1\nB=\xff\n", 2),
        (b"A=1\n\nB=\0\n", 3),
        (b"\x7fELF\x02\x01\x01\0\0", 1),
    ],
)
def test_a_bad_line_is_named_by_file_and_number(tmp_path: Path, content: bytes, line: int) -> None:
    path = write(tmp_path, content)
    with pytest.raises(EnvFileError) as caught:
        parse_env_file(path)
    assert str(caught.value).startswith(f"--env-file {path}:{line}: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_missing_a_directory_or_huge_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvFileError, match="No such file"):
        parse_env_file(tmp_path / "absent")
    with pytest.raises(EnvFileError, match="Is a directory"):
        parse_env_file(tmp_path)
    with pytest.raises(EnvFileError, match="larger than 1 MiB"):
        parse_env_file(write(tmp_path, b"#" * ((1 << 20) + 1)))
