"""Backups older or younger than the shop's migrations: tried with the tables of their time, or told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions.backup_database import BackupDatabase
from actions.backups.manifest import write_manifest
from actions.restore_backup import RestoreBackup
from actions.verify_backup import VerifyBackup
from storekeeper.backups import Manifest, read_manifest
from storekeeper.errors import BackupRefused

BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"])
Factory = Callable[..., Any]


def manifest_of(path: Path) -> Manifest:
    """Give the manifest of a backup that must have one."""
    manifest = read_manifest(path)
    assert manifest is not None
    return manifest


def deploy(kept: Any) -> None:
    """Put newer code in place: a column more in a table that has rows, and a table more."""
    models = kept.config.project / "app" / "models.py"
    text = models.read_text("utf-8")
    field = "    value = models.BigIntegerField(default=0)\n"
    assert field in text
    text = text.replace(field, field + '    note = models.CharField(max_length=20, default="none")\n')
    customer = "class Customer(models.Model):\n"
    text = text.replace(customer, customer + "    level = models.IntegerField(default=7)\n")
    shelf = "\n\nclass Shelf(models.Model):\n    name = models.CharField(max_length=9)\n"
    models.write_text(text + shelf, "utf-8")
    kept.shop.manage("makemigrations", "app", "--name=later", "--verbosity=0")


@BOTH
@pytest.mark.parametrize("loader", ["loaddata", pytest.param("batches", marks=pytest.mark.thorough)])
def test_older_backup_is_tried_with_the_tables_of_its_time(
    keeper: Factory, database: str, loader: str
) -> None:
    """After a migration the old backup is still proved, row by row, links and permissions included."""
    kept = keeper(database, orders=10, copied=True)
    kept.shop.evaluate(
        "from django.contrib.auth.models import User, Permission\n"
        "User.objects.first().user_permissions.set(Permission.objects.all()[:3])\nresult = 1"
    )
    _, outcome = kept.run(BackupDatabase())
    deploy(kept)
    kept.shop.manage("migrate", "--verbosity=0")
    kept.run(VerifyBackup(), loader=loader)
    manifest = manifest_of(outcome.created[0])
    assert manifest.verified is not None
    assert "with its own schema; every value compared by SQL" in manifest.verified_by


def test_code_that_waits_for_its_migration_changes_nothing(keeper: Factory) -> None:
    """New code whose migration has not run yet: the backup holds what the database has, and is proved."""
    kept = keeper(orders=5, copied=True)
    _, outcome = kept.run(BackupDatabase())
    deploy(kept)
    kept.run(VerifyBackup())
    assert manifest_of(outcome.created[0]).verified is not None


def test_damage_in_an_older_backup_is_not_called_damage_nor_proof(keeper: Factory) -> None:
    """Without raw sums: where rows differ and the schema does too, it is neither proved nor condemned."""
    kept = keeper(orders=5, copied=True)
    _, outcome = kept.run(BackupDatabase())
    (path,) = outcome.created
    told = manifest_of(path)
    wrong = {**told.tables, "app.Order": told.tables["app.Order"].model_copy(update={"checksum": "0" * 64})}
    write_manifest(path, told.model_copy(update={"tables": wrong, "raw": None}))
    deploy(kept)
    with pytest.raises(
        BackupRefused, match=r"older than 1 of the shop's migrations \(app\.\d+_later\)"
    ) as found:
        kept.run(VerifyBackup())
    assert "Put the shop's code of" in found.value.hint
    assert (manifest_of(path).verified, manifest_of(path).verification_error) == (None, "")


def test_backup_of_newer_code_says_what_to_do(keeper: Factory) -> None:
    """Migrations that the code does not have, after a step back: nobody knows the tables, and it is said."""
    kept = keeper(orders=5, copied=True)
    deploy(kept)
    kept.shop.manage("migrate", "--verbosity=0")
    _, outcome = kept.run(BackupDatabase())
    for path in (kept.config.project / "app" / "migrations").glob("*_later.py"):
        path.unlink()
    with pytest.raises(BackupRefused, match=r"1 migrations that the shop's code does not have") as found:
        kept.run(VerifyBackup())
    assert "Put the shop's code of" in found.value.hint
    manifest = manifest_of(outcome.created[0])
    assert (manifest.verified, manifest.verification_error) == (None, "")


def test_restore_of_an_older_backup_is_explained(
    keeper: Factory, rows_of: Callable[[Any], list[str]]
) -> None:
    """Rows of an older schema that would not come back equal are not put into the newer tables."""
    kept = keeper(orders=5, copied=True)
    _, outcome = kept.run(BackupDatabase())
    deploy(kept)
    kept.shop.manage("migrate", "--verbosity=0")
    before = rows_of(kept.shop)
    with pytest.raises(BackupRefused, match="older than 1 of the shop's migrations"):
        kept.run(RestoreBackup(), file=outcome.created[0], replace=True)
    assert rows_of(kept.shop) == before
