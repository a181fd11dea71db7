"""What every command prints with and reads from people."""
