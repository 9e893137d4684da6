"""Shops with models that are made at random, on which every unattended playbook is run."""
