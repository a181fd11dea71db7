"""The decisions in a run: pure tables of states, signals and endings."""
