"""Options and output that the rollout commands share."""
