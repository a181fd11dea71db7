"""The differences between agents: how a command is recognised, resumed and given its prompt."""
