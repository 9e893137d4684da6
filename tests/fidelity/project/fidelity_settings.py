"""Settings of shops whose models are made at random."""

import os

BASE = os.environ["FIDELITY_FOLDER"]
SECRET_KEY = "for fidelity"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "made"]
POSTGRESQL = os.environ.get("FIDELITY_POSTGRESQL")
if POSTGRESQL:
    INSTALLED_APPS.append("django.contrib.postgres")
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "fidelity",
            "USER": "postgres",
            "HOST": POSTGRESQL,
        }
    }
else:
    DATABASES = {
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(BASE, "default.sqlite3")}
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MEDIA_ROOT = os.path.join(BASE, "media")
USE_TZ = os.environ.get("FIDELITY_ZONE", "UTC") != "none"
TIME_ZONE = "UTC" if USE_TZ else "Europe/Berlin"
SILENCED_SYSTEM_CHECKS = ["*"]
