"""A schema that was changed by hand: what tables made by migrate would refuse is named, with what to do."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from actions.backup_database import BackupDatabase
from actions.backups.losses import notes_on
from actions.restore_backup import RestoreBackup
from storekeeper.backups import read_manifest
from storekeeper.errors import BackupRefused

_MODELS = """
class Note(models.Model):
    name = models.CharField(max_length=20)
    code = models.CharField(max_length=5, unique=True, null=True)
"""
_FILES = {"app/migrations/__init__.py": ""}
_BY_HAND = (
    "alter table app_note alter column name type text",
    "alter table app_note alter column name drop not null",
    "alter table app_note drop constraint app_note_code_key",
    "insert into app_note (name, code) values (repeat('long ', 5), 'a'), (null, 'a'), ('b', null)",
)


def test_values_that_migrated_tables_refuse_are_named(small_keeper: Callable[..., Any]) -> None:
    """PostgreSQL: by table and column, when the backup is made and when a restore is refused."""
    kept = small_keeper(_MODELS, database="postgresql", files=_FILES)
    kept.shop.evaluate(
        "from django.db import connection\nresult = 1\n"
        f"with connection.cursor() as cursor:\n    for one in {_BY_HAND!r}: cursor.execute(one)\n"
    )
    _, outcome = kept.run(BackupDatabase(), verify=True)
    manifest = read_manifest(outcome.created[0])
    assert manifest is not None
    assert manifest.drift == {
        "app_note.name": "1 values are NULL, where the models have NOT NULL;"
        " 1 values are longer than the varchar(20) of the models",
        "app_note.code": "2 values are there more than once, where the models have UNIQUE",
    }
    assert any("app_note.code: 2 values" in note for note in notes_on(manifest))
    empty = small_keeper(_MODELS, database="postgresql", files=_FILES)
    with pytest.raises(BackupRefused, match="cannot be loaded") as found:
        empty.run(RestoreBackup(), file=outcome.created[0])
    assert "app_note.name: 1 values are NULL" in found.value.hint


def test_table_of_sqlite_without_its_constraints_is_named(small_keeper: Callable[..., Any]) -> None:
    """A key of whole numbers, and a schema that is as migrations made it, are no drift."""
    kept = small_keeper(_MODELS, files=_FILES)
    _, outcome = kept.run(BackupDatabase())
    manifest = read_manifest(outcome.created[0])
    assert manifest is not None
    assert manifest.drift == {}
    with closing(sqlite3.connect(kept.shop.data / "db.sqlite3")) as connection:
        connection.executescript(
            "DROP TABLE app_note; CREATE TABLE app_note (id integer PRIMARY KEY, name text, code text);"
            "INSERT INTO app_note VALUES (1, NULL, 'a'), (2, 'b', 'a')"
        )
    _, outcome = kept.run(BackupDatabase())
    manifest = read_manifest(outcome.created[0])
    assert manifest is not None
    assert list(manifest.drift) == ["app_note.name", "app_note.code"]
