"""Programs that do not want to end, and the table of what survives of them."""
