"""Shops of a few lines: a project with one application, whose models and settings a test writes itself."""

from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from tests.shops import Shop, new_shop
from tests.warm_django import WarmDjango

_MANAGE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
_SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "x"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "app"]
DATABASES = {{"default": {database!r}}}
MEDIA_ROOT = BASE_DIR / "media"
MEDIA_URL = "/media/"
{more}
"""


def small_shop(
    folder: Path,
    *,
    models: str,
    warm_django: WarmDjango,
    url: str | None = None,
    settings: str = "",
    files: dict[str, str] | None = None,
) -> Shop:
    """
    Write the project, with more ``files`` by their names, and make its tables.

    With an empty ``app/migrations/__init__.py`` the migrations are made, too.
    """
    for name, text in {
        "manage.py": _MANAGE,
        "app/models.py": "from django.db import models\n" + models,
        "app/__init__.py": "",
        "proj/__init__.py": "",
        "proj/settings.py": _SETTINGS.format(database=_database(folder, url=url), more=settings),
        **(files or {}),
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "media").mkdir()
    shop = new_shop(
        project=folder, data=folder, url=url, warm_django=warm_django, settings_module="proj.settings"
    )
    if [name for name in files or () if name.startswith("app/migrations/")] == ["app/migrations/__init__.py"]:
        shop.manage("makemigrations", "app", "--verbosity=0")
    shop.manage("migrate", "--run-syncdb", "--verbosity=0")
    return shop


def _database(folder: Path, *, url: str | None) -> dict[str, Any]:
    if url is None:
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "db.sqlite3")}
    words = conninfo_to_dict(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": words["dbname"],
        "USER": words.get("user", ""),
        "HOST": words.get("host", ""),
    }
