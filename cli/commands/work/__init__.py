"""``codexlab diff``, ``commit``, ``merge`` and ``push``: bring an issue's work home."""
