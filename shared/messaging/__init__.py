"""Facts between services, on Kafka. Read in this order: envelope, relay (out), subscription (in), broker (options)."""
