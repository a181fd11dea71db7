"""Input from people and output to them, for all commands."""
