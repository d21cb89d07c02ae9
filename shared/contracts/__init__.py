"""What the services tell each other. A line changed here is a public act: facts stay on their topics for ever."""
