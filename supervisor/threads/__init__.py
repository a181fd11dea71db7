"""The agent's conversations: found in its store, resumed, written down."""
