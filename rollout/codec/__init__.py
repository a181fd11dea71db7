"""zstd frames of a rollout: walked, decoded, encoded and proven."""
