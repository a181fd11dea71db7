"""The settings of a launch: one table, and what reads it. It may not import a request."""
