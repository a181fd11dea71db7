"""Sentences of docstrings, comments, messages and pages, with the number of words in each."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from support.messages import messages

LONGEST = 25

_FIELD = re.compile(r"^:(param|returns?|raises|yields?|ivar|cvar)\b[^:]*:\s*")
_ITEM = re.compile(r"^([-*]|\d+[.)])\s+")
_CODE = re.compile(r"(`+)[^`]+\1(\s*(,|/|\||and|or)?\s*(`+)[^`]+\4)*")
_ROLE = re.compile(r":[a-z]+:(?=`)")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_END = re.compile(r"(?<!\be\.g\.)(?<!\bi\.e\.)(?<=[.!?])[)\"”*_]*\s+")


class Sentence(NamedTuple):
    """One sentence of a file, and the line its paragraph begins at."""

    place: str
    text: str
    words: int


def sentences_of(path: Path, root: Path) -> Iterator[Sentence]:
    """Yield each sentence of a Python module or of a Markdown page."""
    text = path.read_text()
    blocks = _module(text) if path.suffix == ".py" else _paragraphs(text, 1)
    for line, block in blocks:
        plain = _plain(block)
        for sentence in filter(None, map(str.strip, _END.split(plain))):
            yield Sentence(f"{path.relative_to(root)}:{line}", sentence, _count(sentence))


def too_long(path: Path, root: Path) -> list[str]:
    """Return the sentences of more than `LONGEST` words, each with its place."""
    return [
        f"{found.place}: {found.words} words: {found.text}"
        for found in sentences_of(path, root)
        if found.words > LONGEST
    ]


def _plain(block: str) -> str:
    """Return a block on one line; each code span, or list of them, is one word."""
    flat = _LINK.sub(r"\1", _ROLE.sub("", " ".join(block.split())))
    return _CODE.sub(lambda span: re.sub(r"[\s.!?]+", "\N{MIDDLE DOT}", span[0]), flat)


def _count(sentence: str) -> int:
    return sum(1 for word in sentence.split() if re.search(r"\w", word))


def _module(text: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(text)
    yield from _docstrings(tree)
    yield from _comments(text)
    for line, message in messages(tree):
        yield from _paragraphs(message, line)


def _docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if text := ast.get_docstring(node):
            yield from _paragraphs(text, node.body[0].lineno)


def _comments(text: str) -> Iterator[tuple[int, str]]:
    """Yield comments; lines below each other are one paragraph."""
    block: list[str] = []
    first = last = 0
    beside = False
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        is_beside = not token.line.lstrip().startswith("#")
        if block and (line != last + 1 or is_beside != beside):
            yield first, " ".join(block)
            block = []
        first, last, beside = (first if block else line), line, is_beside
        block.append(token.string.lstrip("#: "))
    if block:
        yield first, " ".join(block)


def _paragraphs(text: str, start: int) -> Iterator[tuple[int, str]]:
    """Yield paragraphs, list items, fields and cells of tables; examples are left out."""
    block: list[str] = []
    first, fenced, margin = start, False, 0
    for number, line in enumerate(text.splitlines(), start):
        bare = line.strip().removeprefix("> ")
        fence = bare.startswith(("```", "~~~"))
        fenced ^= fence
        begins = _ITEM.match(bare) or _FIELD.match(bare)
        ends = not bare or fence or fenced or bare.startswith(("#", "|", "<!--"))
        if block and (begins or ends):
            yield first, " ".join(block)
            block = []
        if bare.startswith("|") and not fenced:
            for cell in bare.strip("|").replace(r"\|", "/").split(" | "):
                if re.search(r"\w", cell):
                    yield number, cell
        if ends:
            continue
        indent = len(line) - len(line.lstrip())
        if not block and not begins:
            if indent >= margin + 4:
                continue  # an example
            margin = min(margin, indent)
        if begins:
            margin = indent + begins.end() if _ITEM.match(bare) else indent + 4
        first = first if block else number
        block.append(_FIELD.sub("", _ITEM.sub("", bare)))
    if block:
        yield first, " ".join(block)
