"""git as we call it: no file that an agent wrote chooses a program or a repository."""
