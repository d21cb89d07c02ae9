"""Event streams in PostgreSQL: what a service has decided, kept for ever and exactly once.

No Kafka and no word of the domain. Read in this order: decider, codec, store, unit_of_work, scheduling.
"""
