"""The processes of one run: find them, signal them, prove that none is left."""
