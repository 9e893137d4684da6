"""What the fixtures of tests/conftest.py give: a PostgreSQL server and a shop, both real."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.warm_django import WarmDjango


@dataclass(frozen=True, kw_only=True)
class PostgreSQLServer:
    """A running server that listens on a Unix socket only; ``programs`` holds its pg_dump and psql."""

    uri: str
    programs: Path

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Create a database, as a copy of ``template`` (which nobody may be connected to); return its URL."""
        with psycopg.connect(self.uri, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        return self.url_of(name)

    def drop_database(self, name: str) -> None:
        """Remove the database ``name``, whoever is still connected to it."""
        with psycopg.connect(self.uri, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def url_of(self, name: str) -> str:
        """Return the URL of the database ``name``: postgresql://user:@/name?host=/socket/folder."""
        return self.uri.replace("/postgres?", f"/{name}?")


@dataclass(frozen=True, kw_only=True)
class Shop:
    """
    One shop: ``project`` holds its manage.py, ``data`` what it writes (the same folder for a copied shop).

    ``environment`` is what a process needs to run as this shop, ``database_url`` is None for SQLite.
    """

    project: Path
    data: Path
    database_url: str | None
    environment: dict[str, str] = field(repr=False)
    warm_django: WarmDjango = field(repr=False)
    python: str = sys.executable

    def manage(self, *arguments: str) -> str:
        """Run ``manage.py`` and return what it printed; fail with its errors where it fails."""
        return self._run("manage.py", *arguments)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``manage.py`` beside the test; use it as a context manager, its output is a pipe."""
        return subprocess.Popen(
            [self.python, "manage.py", *arguments],
            cwd=self.project,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    def evaluate(self, code: str) -> Any:
        """Run ``code`` inside the shop's Django and return what it left in ``result``, by way of JSON."""
        return json.loads(
            self._run(
                "-c",
                f"import django, json; django.setup()\n{code}\nprint(json.dumps(result, default=str))",
            )
        )

    def _run(self, *arguments: str) -> str:
        if self.python == sys.executable:
            done = self.warm_django.run(arguments, folder=self.project, environment=self.environment)
        else:
            done = subprocess.run(
                [self.python, *arguments],
                cwd=self.project,
                env=self.environment,
                capture_output=True,
                text=True,
            )
        if done.returncode != 0:
            pytest.fail(f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout


def new_shop(
    *,
    project: Path,
    data: Path,
    url: str | None,
    warm_django: WarmDjango,
    settings_module: str = "madamda.settings",
) -> Shop:
    """Give the shop of a project; nothing of what this process has in its environment speaks to it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SHOP_")}
    environment |= {
        "DJANGO_SETTINGS_MODULE": settings_module,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
    }
    if data != project:
        environment["SHOP_DATA_DIR"] = str(data)
    if url:
        environment["SHOP_DATABASE_URL"] = url
    return Shop(
        project=project, data=data, database_url=url, environment=environment, warm_django=warm_django
    )
