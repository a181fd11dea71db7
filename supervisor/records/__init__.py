"""What is written down about runs, and whose run a record names."""
