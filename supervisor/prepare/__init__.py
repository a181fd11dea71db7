"""What the agent needs before it starts: environment, command, workspace, temp."""
