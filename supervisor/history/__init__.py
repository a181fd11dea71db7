"""The history of runs: one SQLite file in the state directory, which outlives workspaces."""
