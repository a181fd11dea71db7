"""Prepare the agent's start: environment, command, workspace, temp directory."""
