"""The records of runs, and whose run a record names."""
