"""Settings of the shops of the histories: packages that keep or name files each in its own way."""

import os

BASE = os.environ["HISTORIES_FOLDER"]
SECRET_KEY = "for histories"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django_ckeditor_5",
    "easy_thumbnails",
    "filebrowser",
    "imagekit",
    "made",
    "modelcluster",
    "simple_history",
    "sorl.thumbnail",
    "taggit",
    "wagtail",
    "wagtail.images",
    "wagtail.documents",
]
POSTGRESQL = os.environ.get("HISTORIES_POSTGRESQL")
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(BASE, "default.sqlite3")},
    "other": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(BASE, "other.sqlite3")},
}
if POSTGRESQL:
    DATABASES["default"] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "histories",
        "USER": "postgres",
        "HOST": POSTGRESQL,
    }
DATABASE_ROUTERS = ["histories_settings.DefaultAlone"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MEDIA_ROOT = os.path.join(BASE, "media")
MEDIA_URL = "/media/"
STATIC_URL = "/static/"
STATIC_ROOT = os.path.join(BASE, "static")
ROOT_URLCONF = "histories_settings"
urlpatterns: list[object] = []
USE_TZ = True
TIME_ZONE = "UTC"
SILENCED_SYSTEM_CHECKS = ["*"]
CKEDITOR_5_CONFIGS: dict[str, object] = {"default": {}}
WAGTAIL_SITE_NAME = "histories"
WAGTAILADMIN_BASE_URL = "http://127.0.0.1"


class DefaultAlone:
    """No model's table is in the other database: only a table that no model knows."""

    def allow_migrate(self, db: str, app_label: str, **hints: object) -> bool:
        return db == "default"
