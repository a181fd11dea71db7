"""cgroup v2 groups: leaves of a run, their limits, and where they can be made."""
