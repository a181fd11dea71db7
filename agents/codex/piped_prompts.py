"""Whether codex reads its prompt from a pipe on stdin, by the words of its command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..adapter import Reads


def _options(text: str) -> frozenset[str]:
    return frozenset(text.split())


# As `codex --help`, `codex exec --help` and those of its commands list them, 0.135 to 0.171;
# a test reads both.
CODEX_VALUED = _options(
    "-a --add-dir --ask-for-approval --base -C --cd --color --commit -c --config "
    "--cyber-access-program --disable --enable --local-provider -m --model -o "
    "--output-last-message --output-schema -p --profile --remote --remote-auth-token-env "
    "-s --sandbox --thread-source --title"
)
CODEX_SEVERAL = frozenset(("-i", "--image"))
"""Options that take every word up to the next option; after a command of ``exec`` only one."""
CODEX_SWITCHES = _options(
    "--all --approve-for-me --dangerously-bypass-approvals-and-sandbox "
    "--dangerously-bypass-hook-trust --ephemeral --experimental-json --full-auto -h --help "
    "--ignore-rules --ignore-user-config --json --last --no-alt-screen --no-daemon --oss --search "
    "--skip-git-repo-check --strict-config --trust --uncommitted -V --version --worktree --yolo"
)
# The number of words before the prompt, for commands of `codex exec` that take more.
_BEFORE_PROMPT = {"resume": 2, "fork": 2, "review": 1}


def reads_prompt_from_stdin(words: Sequence[str]) -> Reads:
    """Tell whether codex would read its prompt from a pipe: it is ``-``, or missing.

    :param words: codex's own, from its name on.
    :returns: unsure if a possible prompt follows an option that is not known here. A newer codex
        may take it as the option's value.
    """
    if "-" in words[1:]:
        return Reads.YES
    operands = list(_codex_operands(words))
    before = _BEFORE_PROMPT.get(operands[0][0], 0) if operands else 0
    if "--last" in words:
        before -= 1
    prompts = [is_certain for _, is_certain in operands[max(before, 0) :]]
    if any(prompts) or (operands and operands[0] == ("review", True)):
        return Reads.NO
    return Reads.UNSURE if prompts else Reads.YES


def _codex_operands(words: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Yield the operands of ``codex exec``, and whether each certainly is one.

    Without ``exec`` there is no prompt. Other commands of codex may speak a protocol on stdin, and
    its screen needs a terminal.
    """
    rest = iter(words[1:])
    for word in rest:
        if word in ("exec", "e"):
            break
    taken, doubtful, is_command = False, False, False
    for word in rest:
        if word == "--":
            yield from ((each, True) for each in rest)
        elif word.startswith("-"):
            several = word in CODEX_SEVERAL
            taken = several and not is_command
            doubtful = not (several or _is_known(word))
            if word in CODEX_VALUED or (several and is_command):
                next(rest, None)
        elif not taken:
            is_command = is_command or word in _BEFORE_PROMPT
            yield word, not doubtful
            doubtful = False


def _is_known(option: str) -> bool:
    """Tell whether an option leaves the next word alone, or surely takes it."""
    is_whole = "=" in option or (not option.startswith("--") and len(option) > 2)
    return is_whole or option in CODEX_VALUED or option in CODEX_SWITCHES
