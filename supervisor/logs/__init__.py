"""Read what a run wrote, in the order it came, while it runs and afterwards."""
