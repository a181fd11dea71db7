"""Real agents, their homes and stores, and the lock files that pin them."""
