"""codexlab: run coding agents unattended, each in its own clean place.

The packages live in the folders of the repository's root and are linked here:
``kernel`` <- ``env``, ``workspace``, ``rollout`` <- ``supervisor`` <- ``cli``.
Nothing is imported here, so that a launch pays only for what it uses.
"""

__version__ = "0.1.0"
