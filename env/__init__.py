"""The environment that the agent sees, and the place of its build output."""
