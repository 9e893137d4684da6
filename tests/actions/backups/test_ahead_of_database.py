"""Code and database that do not agree: what a line cannot hold is named, and the rest is backed up."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions.backup_database import BackupDatabase
from actions.backups.losses import notes_on
from actions.restore_backup import RestoreBackup
from storekeeper.backups import Manifest, read_manifest

BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"])
MODELS = """
class Part(models.Model):
    name = models.CharField(max_length=20)
    old = models.CharField(max_length=20, null=True)

class Box(models.Model):
    parts = models.ManyToManyField(Part)
"""
VENDOR = "from django.db import connection\nresult = connection.vendor"
NEWER = """
    extra = models.IntegerField(default=0)
    others = models.ManyToManyField("self")

class Later(models.Model):
    name = models.CharField(max_length=20)

class Box(models.Model):
    parts = models.ManyToManyField(Part)
"""


@pytest.fixture
def kept(small_keeper: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, database: str) -> Any:
    """A shop with two parts, one of which has the values of all columns."""
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "proj.settings")
    kept = small_keeper(MODELS, database=database)
    run_sql(kept, "INSERT INTO app_part (name, old) VALUES ('a', 'x'), ('b', NULL)")
    return kept


def run_sql(kept: Any, *statements: str) -> list[Any]:
    """Run statements through the shop's connection; give the last one's rows."""
    found: list[Any] = kept.shop.evaluate(
        "from django.db import connection\n"
        "cursor = connection.cursor()\n"
        f"for statement in {statements!r}:\n    cursor.execute(statement)\n"
        "result = [list(row) for row in cursor.fetchall()] if cursor.description else []"
    )
    return found


def back_up(kept: Any, **options: Any) -> tuple[Manifest, str, Path]:
    """Give the manifest of a new backup, all that was said of it, and its path."""
    _, outcome = kept.run(BackupDatabase(), **options)
    manifest = read_manifest(outcome.created[0])
    assert manifest is not None
    return manifest, " ".join(notes_on(manifest)), outcome.created[0]


@BOTH
def test_columns_that_no_field_reads_are_named_with_their_values(kept: Any) -> None:
    """One that somebody added by hand, and one whose field is gone: how many values no line holds."""
    run_sql(
        kept,
        "ALTER TABLE app_part ADD COLUMN price integer",
        "UPDATE app_part SET price = 7",
        "ALTER TABLE app_box ADD COLUMN empty integer",
    )
    models = kept.config.project / "app" / "models.py"
    models.write_text(re.sub(r"    old = .*\n", "", models.read_text("utf-8")), "utf-8")
    manifest, told, _ = back_up(kept)
    columns = [name for name in manifest.left_out if name.startswith("column")]
    assert sorted(columns) == [
        "column app_box.empty (0 values)",
        "column app_part.old (1 value)",
        "column app_part.price (2 values)",
    ]
    assert "column app_part.price (2 values)" in told


@BOTH
def test_code_ahead_of_its_database_is_backed_up_without_what_is_not_there(kept: Any, database: str) -> None:
    """A field, a model and links that are not migrated: named with their migration, and all rows are held."""
    models = kept.config.project / "app" / "models.py"
    before = models.read_text("utf-8")
    kept.shop.manage("makemigrations", "app", "--verbosity=0")
    kept.shop.manage("migrate", "--fake", "--verbosity=0")
    newer = before.partition("\nclass Box")[0].rstrip("\n") + NEWER
    models.write_text(newer, "utf-8")
    kept.shop.manage("makemigrations", "app", "--name=later", "--verbosity=0")
    manifest, told, path = back_up(kept, verify=True)
    assert set(manifest.left_out) == {
        "app.Later (no table app_later)",
        "app.Part_others (no table app_part_others)",
        "app.Part.extra (no such column)",
    }
    assert "app.0002_later" in told and "without what the shop's code has" in told
    assert manifest.tables["app.Part"].rows == 2
    assert manifest.verified is not None
    models.write_text(before, "utf-8")
    run_sql(kept, "DELETE FROM app_part")
    (kept.config.project / "app" / "migrations" / "0002_later.py").unlink()
    kept.run(RestoreBackup(), file=path, replace=True)
    assert run_sql(kept, "SELECT name, old FROM app_part ORDER BY id") == [["a", "x"], ["b", None]]


@BOTH
def test_columns_without_a_field_or_a_field_without_its_column_are_verified_and_restored(kept: Any) -> None:
    """Neither has a migration: all that the lines hold comes back, and that this is not all is said."""
    models = kept.config.project / "app" / "models.py"
    text = re.sub(r"    name = .*\n", "", models.read_text("utf-8"))
    models.write_text(text.replace("    old", "    extra = models.IntegerField(default=0)\n    old"), "utf-8")
    manifest, told, path = back_up(kept, verify=True)
    assert "column app_part.name (2 values)" in told
    assert manifest.verified is not None
    assert "every value that it holds" in manifest.verified_by
    before = run_sql(kept, "SELECT id, old FROM app_part ORDER BY id")
    null = "DROP NOT NULL" if kept.shop.evaluate(VENDOR) == "postgresql" else ""
    run_sql(kept, f"ALTER TABLE app_part ALTER name {null}" if null else "ALTER TABLE app_part DROP name")
    run_sql(kept, "DELETE FROM app_part")
    kept.run(RestoreBackup(), file=path, replace=True)
    assert run_sql(kept, "SELECT id, old FROM app_part ORDER BY id") == before
