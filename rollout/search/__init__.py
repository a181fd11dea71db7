"""Search conversations in both forms, with ripgrep where it is installed."""
