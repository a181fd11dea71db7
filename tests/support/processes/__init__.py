"""Leaks, kills, a guardian of a test's own, and groups of runs."""
