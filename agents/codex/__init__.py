"""OpenAI codex."""
