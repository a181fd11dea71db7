"""Start programs as children of the guardian: an agent, a terminal monitor, a fork server."""
