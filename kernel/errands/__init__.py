"""Programs that we start ourselves and wait for, such as git, and how a wait ends early."""
