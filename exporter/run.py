"""The exporter as a service: config, measurements, web server, and an orderly end."""
