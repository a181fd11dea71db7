"""Where rollouts lie, what they are called, and whose they are."""
