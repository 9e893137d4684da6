"""Telling people what came of each run: alerts and silences in Alertmanager, annotations in Grafana."""
