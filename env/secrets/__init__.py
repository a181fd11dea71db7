"""Which values are secrets, and how they are masked in a stream."""
