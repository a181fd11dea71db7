"""What the agent may see, and where its build output goes."""
