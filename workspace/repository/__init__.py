"""A workspace's share in the user's repository: branch, commits, locks, the cache of a URL."""
