"""The Django application: ``INSTALLED_APPS += ["storekeeper"]`` brings the commands to manage.py."""

from django.apps import AppConfig


class StorekeeperConfig(AppConfig):
    """No models, no signals: only the management commands."""

    name = "storekeeper"
    verbose_name = "storekeeper"
