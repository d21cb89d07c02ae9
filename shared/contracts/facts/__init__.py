"""One module per service that speaks, and the clock's facts, which intake and complaints both say."""
