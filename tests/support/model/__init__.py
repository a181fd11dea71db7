"""The scripted model on loopback: its turns, its server, and what each agent sends."""
