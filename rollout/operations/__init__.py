"""Every change to a store, and the journal that makes it undoable."""
