"""Watch one agent: time, silence, memory, signals."""
