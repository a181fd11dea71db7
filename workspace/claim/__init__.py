"""One execution at a time: the claim on a workspace, and the runs that held it."""
