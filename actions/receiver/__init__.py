"""The receiver: alerts in over HTTP, a durable decision, and an engine that carries it out."""
