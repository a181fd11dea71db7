"""Rollout files made by hand, their writers, faults, and the race over them."""
