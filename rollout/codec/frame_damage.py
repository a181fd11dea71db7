"""A part of a compressed rollout that cannot be read: a value of its own, free to import."""

from __future__ import annotations

from ...kernel.values import frozen


@frozen
class FrameDamage:
    """A hole in the plain bytes: part of a compressed file that does not decode.

    :param offset: where in the compressed file the damaged frame begins.
    :param reason: what is wrong, in zstd's words or ours.
    :param refused: nothing need be damaged there, but codex writes no such thing.
    """

    offset: int
    reason: str
    refused: bool = False
