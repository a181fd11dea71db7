"""What the rollout commands share."""
