"""Show what a run wrote: lines, conversations, JSON, bytes."""
