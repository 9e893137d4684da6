"""What the exporter and the receiver share as web services: listening, TLS, passwords, a server."""
