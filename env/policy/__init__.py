"""Which variables an agent gets, by rule and by name."""
