"""The user's hooks, run in the run's own containment."""
