"""How a process is told its settings, writes its log, counts what it does, and is run."""
