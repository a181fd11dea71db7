"""Where one run builds: a place below the artifact root, leased and on record.

::

    _layout    every place below the root (pure)
    _below     directories below the root, never through a link
    _leases    who builds where right now
    _index     which project, issue and thread a target belongs to
    _floors    whether enough is free to begin
    _prepare   all of it for one run

A launch with an artifact root needs this package; the rest of ``artifacts`` is for people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...kernel import import_on_use

if TYPE_CHECKING:
    from ._below import Root, make_below_root, path_of
    from ._errors import FloorError, PathRefused, RootUnusable, TargetBusy, TooLittleSpace
    from ._floors import Floors, check_floors, read_floors
    from ._index import TargetOwner, new_owner, read_owner, record_owner
    from ._layout import Layout, below
    from ._leases import is_leased, lease_target
    from ._prepare import prepare_target

__all__ = [
    "FloorError",
    "Floors",
    "Layout",
    "PathRefused",
    "Root",
    "RootUnusable",
    "TargetBusy",
    "TargetOwner",
    "TooLittleSpace",
    "below",
    "check_floors",
    "is_leased",
    "lease_target",
    "make_below_root",
    "new_owner",
    "path_of",
    "prepare_target",
    "read_floors",
    "read_owner",
    "record_owner",
]

__getattr__ = import_on_use(
    __name__,
    {
        "_below": (
            "Root",
            "make_below_root",
            "path_of",
        ),
        "_errors": (
            "FloorError",
            "PathRefused",
            "RootUnusable",
            "TargetBusy",
            "TooLittleSpace",
        ),
        "_floors": (
            "Floors",
            "check_floors",
            "read_floors",
        ),
        "_index": (
            "TargetOwner",
            "new_owner",
            "read_owner",
            "record_owner",
        ),
        "_layout": (
            "Layout",
            "below",
        ),
        "_leases": (
            "is_leased",
            "lease_target",
        ),
        "_prepare": ("prepare_target",),
    },
)
