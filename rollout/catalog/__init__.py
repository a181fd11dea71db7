"""Which rollouts there are and which are wanted: threads, titles, pages."""
