"""Redis: its address, client, guarded link and start."""
