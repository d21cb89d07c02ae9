"""Persons and free texts: everything personal, kept in mutable tables and said on compacted topics, never in an event."""
