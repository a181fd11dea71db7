"""Settle what two forms of a rollout say, and what a crash left."""
