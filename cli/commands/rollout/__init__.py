"""``codexlab rollout``: one file for each verb."""
