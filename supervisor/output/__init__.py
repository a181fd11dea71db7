"""The agent's streams and the run's events, without ever blocking."""
