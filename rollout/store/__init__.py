"""Rollout files on disk: places, names and owners."""
