"""`make run`: every server the system needs, as child processes of one supervisor, on loopback."""
