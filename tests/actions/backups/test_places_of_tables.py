"""Tables that do not lie where their names say: they are emptied, counted and named as all others."""

from collections.abc import Callable
from typing import Any

import pytest

from actions.backup_database import BackupDatabase
from actions.backups.left_out import left_out_of
from actions.restore_backup import RestoreBackup
from storekeeper.backups import RawSums, TableSum, read_manifest
from storekeeper.errors import BackupRefused

Factory = Callable[..., Any]

_MODELS = """
class Item(models.Model):
    name = models.CharField(max_length=20)
    class Meta:
        db_table = 'archive"."items'

class Part(models.Model):
    item = models.ForeignKey(Item, models.CASCADE)
    class Meta:
        db_table = '"archive"."parts"'
"""
_MIGRATION = """
from django.db import migrations, models

key = ("id", models.BigAutoField(primary_key=True))

class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.RunSQL("create schema archive; create table archive.legacy (id int)"),
        migrations.CreateModel(
            "Item", [key, ("name", models.CharField(max_length=20))], {"db_table": 'archive"."items'}
        ),
        migrations.CreateModel(
            "Part", [key, ("item", models.ForeignKey("app.Item", models.CASCADE))],
            {"db_table": '"archive"."parts"'},
        ),
    ]
"""
_FILL = """
from app.models import Item, Part
Part.objects.create(item=Item.objects.create(name=%r))
result = 1
"""
_ROWS = (
    "from app.models import Item, Part\n"
    "result = [list(Item.objects.values_list('name', flat=True)), Part.objects.count()]"
)


def test_tables_in_another_schema_are_replaced(small_keeper: Factory) -> None:
    """What ``db_table`` leads to by a trick has rows that are seen, and that go before a restore."""
    kept = small_keeper(
        _MODELS,
        database="postgresql",
        files={"app/migrations/__init__.py": "", "app/migrations/0001_initial.py": _MIGRATION},
    )
    kept.shop.evaluate(_FILL % "first")
    _, outcome = kept.run(BackupDatabase(), verify=True)
    manifest = read_manifest(outcome.created[0])
    assert manifest is not None
    assert [name for name in manifest.left_out if not name.startswith("sequence")] == ["archive.legacy"]
    kept.shop.evaluate(_FILL % "since")
    with pytest.raises(BackupRefused, match=r"holds 4 rows in 2 tables: app\.Item, app\.Part"):
        kept.run(RestoreBackup(), file=outcome.created[0])
    kept.run(RestoreBackup(), file=outcome.created[0], replace=True)
    assert kept.shop.evaluate(_ROWS) == [["first"], 1]


def test_twin_of_a_table_is_named_with_its_schema() -> None:
    """A table of the same name in another schema is not taken for the model's; migrate's own is no loss."""
    raw = RawSums.model_validate(
        {
            "method": "x",
            "tables": {name: {"rows": 1} for name in ("main.app_p", "app_p", "main.django_migrations")},
        }
    )
    tables = {"app.P": TableSum(rows=1, checksum="", stored_as="main.app_p")}
    assert list(left_out_of(raw, tables=tables, by_shop={})) == ["public.app_p"]


_NAMED_BY_HAND = """
class Visit(models.Model):
    name = models.CharField(max_length=20)
    class Meta:
        db_table = "the shop's visits"
"""


@pytest.mark.parametrize("loader", ["loaddata", "batches"])
def test_table_with_an_apostrophe_comes_back(small_keeper: Factory, loader: str) -> None:
    """Django would write its name into SQL as it is, to set its sequence."""
    kept = small_keeper(_NAMED_BY_HAND, database="postgresql")
    kept.shop.evaluate("from app.models import Visit\nVisit.objects.create(name='x')\nresult = 1")
    _, outcome = kept.run(BackupDatabase(), verify=True)
    kept.run(RestoreBackup(), file=outcome.created[0], replace=True, loader=loader)
    made = "from app.models import Visit\nresult = [Visit.objects.create(name='y').pk, Visit.objects.count()]"
    assert kept.shop.evaluate(made) == [2, 2]


_SITES = {"settings": 'INSTALLED_APPS += ["django.contrib.sites"]'}


def test_site_that_migrate_made_is_no_row(small_keeper: Factory) -> None:
    """A database that has been migrated alone is empty; one whose site has a name of its own is not."""
    kept = small_keeper("", **_SITES)
    named = "from django.contrib.sites.models import Site\nresult = Site.objects.update(domain='a.example')"
    kept.shop.evaluate(named)
    _, outcome = kept.run(BackupDatabase())
    with pytest.raises(BackupRefused, match=r"holds 1 rows in 1 tables: sites\.Site"):
        kept.run(RestoreBackup(), file=outcome.created[0])
    empty = small_keeper("", **_SITES)
    empty.run(RestoreBackup(), file=outcome.created[0])
    told = "from django.contrib.sites.models import Site\nresult = Site.objects.get().domain"
    assert empty.shop.evaluate(told) == "a.example"
