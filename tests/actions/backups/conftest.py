"""What the tests of backups share: keepers that know the server's programs, and the rows of a shop."""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.actions.conftest import keep
from tests.shops import PostgreSQLServer
from tests.small_shops import small_shop
from tests.warm_django import WarmDjango

_numbers = itertools.count(1)


@pytest.fixture
def keeper(make_keeper: Callable[..., Any], request: pytest.FixtureRequest) -> Callable[..., Any]:
    """A factory like make_keeper, whose config names the folder of the test server's pg_dump."""

    def make(database: str = "sqlite", **options: Any) -> Any:
        kept = make_keeper(database, **options)
        if database == "postgresql":
            return _with_programs(kept, request.getfixturevalue("postgresql_server"))
        return kept

    return make


def _with_programs(kept: Any, server: PostgreSQLServer) -> Any:
    backups = kept.config.backups.model_copy(update={"postgresql_bin": server.programs})
    kept.config = kept.config.model_copy(update={"backups": backups})
    return kept


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


@pytest.fixture
def small_keeper(
    tmp_path: Path, request: pytest.FixtureRequest, warm_django: WarmDjango
) -> Iterator[Callable[..., Any]]:
    """A factory: ``small_keeper(models, database="sqlite", settings="", files={...})``, of a few lines."""
    made: list[str] = []

    def make(models: str, *, database: str = "sqlite", **options: Any) -> Any:
        number = next(_numbers)
        url = server = None
        if database == "postgresql":
            server = request.getfixturevalue("postgresql_server")
            made.append(f"small_{number}")
            url = server.create_database(made[-1])
        folder = tmp_path / f"small_{number}"
        shop = small_shop(folder, models=models, url=url, warm_django=warm_django, **options)
        kept = keep(shop, tmp_path / f"state_{number}", qr_codes="{}")
        return kept if url is None else _with_programs(kept, server)

    yield make
    for name in made:
        request.getfixturevalue("postgresql_server").drop_database(name)
