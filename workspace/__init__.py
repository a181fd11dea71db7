"""The issue's directory: claimed, prepared or reused, healed and collected."""
