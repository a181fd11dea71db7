"""The other process of a run: parent of the agent, single-threaded, standard library only."""
