"""Processes: their names, their state in ``/proc``, and what one hides of itself."""
