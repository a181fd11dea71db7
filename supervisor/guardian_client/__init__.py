"""The supervisor's side of the guardian: its link, and guardians forked ahead."""
