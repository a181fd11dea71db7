"""Every decision about a user's bytes, without I/O.

Two cases need a decision after a crash, after a grace, or when a file grew late. A
*pair* is a rollout of which both forms exist. A *kept* file was retired from its name, or
set aside because it hid the history. The decision follows from three facts: how the
contents relate, which forms exist, and whether anybody can still write to the file.
Names, sizes and times decide nothing.

The tables are total: a combination that is not listed keeps every byte.
"""

from __future__ import annotations

from enum import StrEnum

from ..operations.journal_line import KeptKind
from .compare import Comparison


class Forms(StrEnum):
    """Which forms of a rollout exist."""

    NONE = "none"
    PLAIN = "plain"
    COMPRESSED = "compressed"
    BOTH = "both"


class Relation(StrEnum):
    """The relation of one content to another."""

    SAME = "same"
    WITHIN = "within"
    """It is a proper beginning of the other."""
    BEYOND = "beyond"
    """It begins with all of the other and goes on."""
    APART = "apart"
    """Both begin with what was once all of it, then go on differently."""
    ALIEN = "alien"
    """They do not share even their first line."""
    MIXED = "mixed"
    """They share some lines, but less than was once all of it."""
    UNREADABLE = "unreadable"
    """The other does not decode."""
    REFUSED = "refused"
    """One of them holds far more than codex writes, or holes, and was not read to its end."""


_IN_WORDS = {
    Relation.SAME: "says the same as",
    Relation.WITHIN: "lacks the end of",
    Relation.BEYOND: "goes on after the end of",
    Relation.APART: "ends differently from",
    Relation.ALIEN: "shares not even its first line with",
    Relation.MIXED: "shares only some lines with",
    Relation.UNREADABLE: "cannot be compared with the damaged frame of",
    Relation.REFUSED: "was not compared (one of the two is too large, or has holes) with",
}


def describe_relation(relation: Relation) -> str:
    """Say a relation between two contents as the middle of a sentence."""
    return _IN_WORDS[relation]


class Action(StrEnum):
    """A decision."""

    NOTHING = "nothing"
    WAIT = "wait"
    """Somebody can write to it: look again later."""
    REPORT = "report"
    """Keep every byte and say so."""
    DELETED = "deleted"
    """The owner deleted the thread: never restore; report, and expire in time."""
    DROP = "drop"
    """Unlink the kept file: every byte of it is in the thread."""
    PUT_BACK = "put back"
    """Give the kept file its plain name again, then withdraw the compressed form."""
    APPEND = "append"
    """Append the kept file's own lines to the plain file."""
    MATERIALIZE = "materialize"
    """Decode to plain first, then append."""
    FINISH = "finish"
    """Retire the plain file: its compression was cut off after publishing."""
    WITHDRAW = "withdraw"
    """Unlink the compressed form: the plain file holds all of it."""
    SET_ASIDE = "set aside"
    """Take the plain name from a shadow, restore the history, append later."""


def relate(comparison: Comparison, base: int) -> Relation:
    """Name how the left content relates to the right one.

    :param base: how many bytes both are known to have begun with, once.
    """
    common, left, right = comparison.common, comparison.left, comparison.right
    if common == left == right:
        return Relation.SAME
    if common == left:
        return Relation.WITHIN
    if common == right:
        return Relation.BEYOND
    if common >= base > 0:
        return Relation.APART
    return Relation.MIXED if comparison.lines else Relation.ALIEN


# A retired file, by the thread's form, its relation to the thread, and whether
# somebody can still write to it.
_RETIRED = {
    (Forms.COMPRESSED, Relation.SAME, False): Action.DROP,
    (Forms.COMPRESSED, Relation.SAME, True): Action.PUT_BACK,
    (Forms.COMPRESSED, Relation.WITHIN, False): Action.DROP,
    (Forms.COMPRESSED, Relation.WITHIN, True): Action.WAIT,
    (Forms.COMPRESSED, Relation.BEYOND, False): Action.PUT_BACK,
    (Forms.COMPRESSED, Relation.BEYOND, True): Action.PUT_BACK,
    (Forms.COMPRESSED, Relation.APART, False): Action.MATERIALIZE,
    (Forms.COMPRESSED, Relation.APART, True): Action.WAIT,
    (Forms.COMPRESSED, Relation.UNREADABLE, False): Action.PUT_BACK,
    (Forms.COMPRESSED, Relation.UNREADABLE, True): Action.PUT_BACK,
    (Forms.PLAIN, Relation.SAME, False): Action.DROP,
    (Forms.PLAIN, Relation.SAME, True): Action.WAIT,
    (Forms.PLAIN, Relation.WITHIN, False): Action.DROP,
    (Forms.PLAIN, Relation.WITHIN, True): Action.WAIT,
    (Forms.PLAIN, Relation.BEYOND, False): Action.APPEND,
    (Forms.PLAIN, Relation.BEYOND, True): Action.WAIT,
    (Forms.PLAIN, Relation.APART, False): Action.APPEND,
    (Forms.PLAIN, Relation.APART, True): Action.WAIT,
}

# A shadow that was set aside: its lines are its own, whatever the relation.
_SHADOW = {
    (Forms.COMPRESSED, False): Action.MATERIALIZE,
    (Forms.COMPRESSED, True): Action.WAIT,
    (Forms.PLAIN, False): Action.APPEND,
    (Forms.PLAIN, True): Action.WAIT,
}

# A pair, by how the plain content relates to the compressed one, and whether
# somebody can write to the plain file.
_PAIR = {
    (Relation.SAME, False): Action.FINISH,
    (Relation.SAME, True): Action.WITHDRAW,
    (Relation.BEYOND, False): Action.WITHDRAW,
    (Relation.BEYOND, True): Action.WITHDRAW,
    (Relation.WITHIN, False): Action.FINISH,
    (Relation.WITHIN, True): Action.WAIT,
    (Relation.ALIEN, False): Action.SET_ASIDE,
    (Relation.ALIEN, True): Action.SET_ASIDE,
}


def decide_kept(kind: KeptKind, forms: Forms, relation: Relation, *, written: bool) -> Action:
    """Decide about a kept file.

    :param forms: which forms the thread's rollout has now; a pair is decided first.
    :param relation: of the kept content to the thread's.
    :param written: somebody can write to the kept file.
    """
    if forms is Forms.NONE:
        return Action.WAIT if written else Action.DELETED
    if kind is KeptKind.SHADOW:
        return _SHADOW.get((forms, written), Action.REPORT)
    return _RETIRED.get((forms, relation, written), Action.REPORT)


def decide_pair(relation: Relation, *, written: bool, empty: bool) -> Action:
    """Decide about two forms of one rollout.

    :param relation: of the plain content to the compressed one.
    :param written: somebody can write to the plain file.
    :param empty: the plain file is empty. Held by a writer it is a shadow about to
        be written; any other beginning of the history is a copy in the making.
    """
    if empty and written:
        return Action.SET_ASIDE
    return _PAIR.get((relation, written), Action.REPORT)
