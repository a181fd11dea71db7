"""Files and directories that an agent may have written: read, replaced, locked, removed."""
