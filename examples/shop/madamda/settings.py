"""
Settings of the sample shop.

``SHOP_DATA_DIR``      where everything the shop writes lives (default: beside manage.py)
``SHOP_DATABASE_URL``  ``postgresql://...``; unset means SQLite in the data folder
``SHOP_SECRET_KEY``    unset means a key made once in the data folder, readable by its owner only
``SHOP_DEBUG``         ``1`` turns Django's debug mode on
"""

import importlib.util
import os
from pathlib import Path

import django

from madamda.database_url import parse_database_url
from madamda.secret_key import read_or_make_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("SHOP_DATA_DIR") or BASE_DIR).resolve()
LOG_DIR = DATA_DIR / "logs"
LOG_DIR.mkdir(parents=True, exist_ok=True)

SECRET_KEY = os.environ.get("SHOP_SECRET_KEY") or read_or_make_secret_key(DATA_DIR / ".secret_key")
DEBUG = os.environ.get("SHOP_DEBUG") == "1"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "app",
]
# With storekeeper installed its commands run as `python manage.py storage_info`; the shop works without it.
if importlib.util.find_spec("storekeeper"):
    INSTALLED_APPS.append("storekeeper")

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "madamda.urls"
WSGI_APPLICATION = "madamda.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

if url := os.environ.get("SHOP_DATABASE_URL"):
    DATABASES = {"default": parse_database_url(url)}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATA_DIR / "db.sqlite3",
            "OPTIONS": {"timeout": 30},
        }
    }
    if django.VERSION >= (5, 1):
        # The lock is taken at the start of a transaction: two writers then wait instead of failing midway.
        DATABASES["default"]["OPTIONS"]["transaction_mode"] = "IMMEDIATE"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en"
TIME_ZONE = "Asia/Phnom_Penh"
USE_I18N = True
USE_TZ = True

MEDIA_URL = "media/"
MEDIA_ROOT = DATA_DIR / "media"
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]

# Three files, three ways to write one, as real shops have them: each is rotated in its own way.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {
        "django": {
            "class": "logging.FileHandler",
            "filename": LOG_DIR / "django.log",
            "encoding": "utf-8",
            "formatter": "line",
        },
        "security": {
            "class": "logging.handlers.RotatingFileHandler",
            "filename": LOG_DIR / "security.log",
            "maxBytes": 10_000_000,
            "backupCount": 3,
            "encoding": "utf-8",
            "formatter": "line",
        },
        "orders": {
            "class": "logging.handlers.WatchedFileHandler",
            "filename": LOG_DIR / "orders.log",
            "encoding": "utf-8",
            "formatter": "line",
        },
    },
    "loggers": {
        "django": {"handlers": ["django"], "level": "INFO"},
        "django.security": {"handlers": ["security"], "level": "INFO"},
        "app": {"handlers": ["django"], "level": "INFO"},
        "app.orders": {"handlers": ["orders"], "level": "INFO"},
    },
}
