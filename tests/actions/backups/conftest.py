"""What the tests of backups share: keepers that know the server's programs, and the rows of a shop."""

import json
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def keeper(make_keeper: Callable[..., Any], request: pytest.FixtureRequest) -> Callable[..., Any]:
    """A factory like make_keeper, whose config names the folder of the test server's pg_dump."""

    def make(database: str = "sqlite", **options: Any) -> Any:
        kept = make_keeper(database, **options)
        if database == "postgresql":
            programs = request.getfixturevalue("postgresql_server").programs
            backups = kept.config.backups.model_copy(update={"postgresql_bin": programs})
            kept.config = kept.config.model_copy(update={"backups": backups})
        return kept

    return make


@pytest.fixture
def rows_of() -> Callable[[Any], list[str]]:
    """A function: every row of a shop as the database holds it, with all digits."""

    def rows(shop: Any) -> list[str]:
        found: dict[str, list[Any]] = shop.evaluate(
            "from django.apps import apps\n"
            "from django.db import connection\n"
            "result = {}\n"
            "with connection.cursor() as cursor:\n"
            "    for model in apps.get_models(include_auto_created=True):\n"
            "        meta = model._meta\n"
            "        if meta.proxy or meta.app_label == 'contenttypes' or meta.label == 'auth.Permission':\n"
            "            continue\n"
            "        columns = [f.column for f in meta.local_concrete_fields\n"
            "                   if not (meta.auto_created and f.primary_key)\n"
            "                   and f.column not in ('content_type_id', 'permission_id')]\n"
            "        names = ', '.join(connection.ops.quote_name(c) for c in columns)\n"
            "        cursor.execute(f'SELECT {names} FROM {meta.db_table}')\n"
            "        result[meta.label] = sorted(\n"
            "            repr([bytes(v) if isinstance(v, memoryview) else v for v in row])\n"
            "            for row in cursor)\n"
        )
        return [json.dumps([label, row]) for label, rows in sorted(found.items()) for row in rows]

    return rows
