"""Persons and free texts: everything personal, in mutable tables and on compacted topics, never in an event."""
