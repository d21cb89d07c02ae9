"""Running the system: locally with one command, later on a cluster."""
