"""The directory the agent works in: decided, made or taken up again."""
