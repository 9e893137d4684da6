"""Run exporter, receiver, Prometheus and Alertmanager together for one config, wired and watched."""
