"""The caller's terminal, and the one that an agent is lent."""
