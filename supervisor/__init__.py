"""One run of one agent: plan, launch, watch, end, prove.

``_launch`` is the contents page; ``_run`` the steps of one run; ``_lifecycle``
the table that alone decides; ``_ladder`` how a run is ended; ``_exit`` what that
means for the exit status.
"""

from ._describe import describe_plan
from ._exit import EXIT_FAILED, ExitReport
from ._launch import launch
from ._plan import Plan, plan_run
from ._request import LaunchRequest

__all__ = [
    "EXIT_FAILED",
    "ExitReport",
    "LaunchRequest",
    "Plan",
    "describe_plan",
    "launch",
    "plan_run",
]
