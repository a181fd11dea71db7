"""Compress a cold rollout, and publish the frame in its place."""
