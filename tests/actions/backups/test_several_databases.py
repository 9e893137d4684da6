"""A second database, a shop without time zones, and writers beside a backup."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions.backup_database import BackupDatabase
from actions.backups.quiet_copy import quiet_conversation
from actions.restore_backup import RestoreBackup
from actions.verify_backup import VerifyBackup
from storekeeper.backups import Manifest, read_manifest
from storekeeper.config import DatabaseSource
from storekeeper.databases import DatabaseAddress, Engine
from storekeeper.measure.backups import read_backups

Factory = Callable[..., Any]

# The catalogue lies in a second database, whose router says so.
_ROUTED = """
DATABASES["catalogue"] = {**DATABASES["default"], "NAME": %r}
DATABASE_ROUTERS = ["madamda.routed.Router"]
"""
_ROUTER = """
CATALOGUE = ("counter", "heroslide")


def _alias(model):
    meta = model._meta
    if meta.app_label == "app" and meta.model_name in CATALOGUE:
        return "catalogue"
    return "default"


class Router:
    def db_for_read(self, model, **hints):
        return _alias(model)

    db_for_write = db_for_read

    def allow_relation(self, one, other, **hints):
        return True

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        if app_label in ("contenttypes", "auth", "admin", "sessions"):
            return db == "default"
        return model_name is None or (db == "catalogue") == (model_name in CATALOGUE)
"""


def manifest_of(path: Path) -> Manifest:
    """Give the manifest of a backup that must have one."""
    manifest = read_manifest(path)
    assert manifest is not None
    return manifest


def with_second(kept: Any, name: str) -> Any:
    """Give the shop a second database with rows of its own, known to the config as ``catalogue``."""
    folder = kept.config.project / "madamda"
    settings = folder / "settings.py"
    settings.write_text(settings.read_text("utf-8") + _ROUTED % name, "utf-8")
    (folder / "routed.py").write_text(_ROUTER, "utf-8")
    kept.shop.manage("migrate", "--database=catalogue", "--verbosity=0")
    kept.shop.evaluate(
        "from app.models import Counter\nCounter.objects.create(name='លេខ', value=7)\nresult = 1"
    )
    databases = {**kept.config.databases, "catalogue": DatabaseSource(django="catalogue")}
    kept.config = kept.config.model_copy(update={"databases": databases})
    return kept


@pytest.mark.parametrize("database", ["postgresql", pytest.param("sqlite", marks=pytest.mark.thorough)])
def test_each_database_has_backups_of_its_own(
    keeper: Factory, request: pytest.FixtureRequest, database: str
) -> None:
    """Two databases give two backups in each format, each is proved alone, and the exporter sees both."""
    kept = keeper(database, orders=None, copied=True)
    name = str(kept.shop.data / "catalogue.sqlite3")
    if database == "postgresql":
        name = f"catalogue_{kept.shop.data.name}"
        request.getfixturevalue("postgresql_server").create_database(name)
    with_second(kept, name)
    _, outcome = kept.run(BackupDatabase(), format="both")
    kept.run(VerifyBackup())
    told = {(one.database, one.format): one for one in map(manifest_of, outcome.created)}
    assert set(told) == {(one, form) for one in ("default", "catalogue") for form in ("json", "native")}
    assert all(one.verified for one in told.values())
    assert told["catalogue", "json"].tables["app.Counter"].rows == 1
    assert told["catalogue", "native"].tables["app_counter"].rows == 1
    assert "app.Counter" not in told["default", "json"].tables
    assert told["catalogue", "json"].file.startswith("db_backup_catalogue_2")
    found = read_backups(kept.config.backups.path)
    assert sorted(one.owner for one in found if one.verified) == ["catalogue"] * 2 + ["default"] * 2
    kept.shop.evaluate("from app.models import Counter\nCounter.objects.all().delete()\nresult = 1")
    for form in ("json", "native"):
        (path,) = (one for one in outcome.created if one.name == told["catalogue", form].file)
        kept.run(RestoreBackup(), file=path, replace=True)
        rows = kept.shop.evaluate(
            "from app.models import Counter\nresult = list(Counter.objects.values_list('name', flat=True))"
        )
        assert rows == ["លេខ"]


@pytest.mark.parametrize(
    ("database", "loader"),
    [("sqlite", "loaddata"), pytest.param("postgresql", "batches", marks=pytest.mark.thorough)],
)
def test_shop_without_time_zones(
    keeper: Factory, rows_of: Callable[[Any], list[str]], database: str, loader: str
) -> None:
    """With USE_TZ = False every time comes back to the microsecond, as it stood."""
    kept = keeper(database, orders=5, copied=True)
    settings = kept.config.project / "madamda" / "settings.py"
    settings.write_text(settings.read_text("utf-8") + "\nUSE_TZ = False\n", "utf-8")
    kept.shop.manage("place_orders", "--per-second=20", "--seconds=0.2")
    before = rows_of(kept.shop)
    (path,) = kept.run(BackupDatabase())[1].created
    kept.run(VerifyBackup(), loader=loader)
    assert manifest_of(path).verified is not None
    kept.shop.evaluate("from app.models import Order\nOrder.objects.all().delete()\nresult = 1")
    kept.run(RestoreBackup(), file=path, replace=True, loader=loader)
    assert rows_of(kept.shop) == before


def test_writers_go_on_while_json_is_written(keeper: Factory) -> None:
    """Without a write-ahead log a writer is held up for the copy alone, not while the rows are read."""
    kept = keeper(orders=200)
    file = kept.shop.data / "db.sqlite3"
    address = DatabaseAddress(name="default", engine=Engine.SQLITE, path=file)
    with quiet_conversation(kept.context(), alias="default", address=address) as reading:
        answers = reading.conversation.stream("dump_fixture", database="default")
        # More than a pipe holds is to come: the shop's side waits in the middle of its reading.
        assert "table" in next(answers)
        with sqlite3.connect(file, timeout=0) as connection:
            connection.execute("INSERT INTO app_counter (name, value) VALUES ('beside', 1)")
        *_, last = answers
    assert last["summary"]["tables"]["app.Counter"]["rows"] == _counters(file) - 1
    assert list((kept.config.state / "snapshots").iterdir()) == []


def test_write_ahead_log_needs_no_copy(keeper: Factory) -> None:
    """Where readers hold nobody up, the database itself is read."""
    kept = keeper(orders=None)
    with sqlite3.connect(kept.shop.data / "db.sqlite3") as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    kept.run(BackupDatabase())
    assert not (kept.config.state / "snapshots").exists()


def _counters(file: Path) -> int:
    with sqlite3.connect(file) as connection:
        return int(connection.execute("SELECT count(*) FROM app_counter").fetchone()[0])
