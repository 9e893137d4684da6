"""restore_backup: into an empty database, or over rows when a person says so, and never half."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from actions.backup_database import BackupDatabase
from actions.backups.manifest import write_manifest
from actions.cleanup_orphaned_media import CleanupOrphanedMedia
from actions.restore_backup import RestoreBackup
from storekeeper.backups import read_manifest
from storekeeper.errors import BackupRefused, ConfigurationError

BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"])

_SELL_OUT = (
    "from app.models import Order, Customer\nOrder.objects.all()[0].items.all().delete()\n"
    "Customer.objects.update(name='somebody')\nresult = 1"
)


@BOTH
def test_empty_database_is_filled(
    keeper: Callable[..., Any], rows_of: Callable[[Any], list[str]], database: str
) -> None:
    """Every row of the backup is in a database that had none, not even tables' rows."""
    kept = keeper(database, orders=30)
    _, outcome = kept.run(BackupDatabase())
    empty = keeper(database, orders=None)
    empty.run(RestoreBackup(), file=outcome.created[0])
    assert rows_of(empty.shop) == rows_of(kept.shop)


def test_database_with_rows_is_refused(
    keeper: Callable[..., Any], rows_of: Callable[[Any], list[str]]
) -> None:
    """Without replace nothing changes, and the message says how many rows are there."""
    kept = keeper(orders=10)
    _, outcome = kept.run(BackupDatabase())
    before = rows_of(kept.shop)
    with pytest.raises(BackupRefused, match=r"holds \d+ rows"):
        kept.run(RestoreBackup(), file=outcome.created[0])
    assert rows_of(kept.shop) == before


def test_rows_that_came_after_the_plan_are_not_replaced(
    keeper: Callable[..., Any], rows_of: Callable[[Any], list[str]]
) -> None:
    """A database that was empty when it was looked at, and has rows when the restore begins, keeps them."""
    kept = keeper(orders=5)
    _, outcome = kept.run(BackupDatabase())
    other = keeper(orders=None)
    action = RestoreBackup()
    options = action.Options(file=outcome.created[0])
    plan = action.plan(other.context(), options)
    other.shop.evaluate("from app.models import Customer\nCustomer.objects.create(name='new')\nresult = 1")
    before = rows_of(other.shop)
    with pytest.raises(BackupRefused, match="rows have come into the database default meanwhile"):
        action.perform(other.context(), options, plan)
    assert before == rows_of(other.shop)


@BOTH
@pytest.mark.parametrize("loader", ["loaddata", pytest.param("batches", marks=pytest.mark.thorough)])
def test_replace_brings_back_what_was_and_keeps_what_is(
    keeper: Callable[..., Any], rows_of: Callable[[Any], list[str]], database: str, loader: str
) -> None:
    """The rows are those of the backup again; those that were there are in a fresh backup."""
    kept = keeper(database, orders=20)
    _, outcome = kept.run(BackupDatabase())
    before = rows_of(kept.shop)
    kept.shop.evaluate(_SELL_OUT)
    changed = rows_of(kept.shop)
    assert changed != before
    _, restored = kept.run(RestoreBackup(), file=outcome.created[0], replace=True, loader=loader)
    assert rows_of(kept.shop) == before
    (kept_aside,) = restored.created
    kept.run(RestoreBackup(), file=kept_aside, replace=True, loader=loader)
    assert rows_of(kept.shop) == changed


def test_files_of_restored_rows_come_back(keeper: Callable[..., Any]) -> None:
    """What lost its row after the backup, and went into quarantine, is back after a restore and a cleanup."""
    kept = keeper(orders=12)
    path = kept.write("products/once.jpg", b"needed", days=3)
    kept.shop.evaluate(
        "from app.models import HeroSlide\nfrom django.utils import timezone\n"
        "HeroSlide.objects.create(title='x', image='products/once.jpg', starts_at=timezone.now())\nresult = 1"
    )
    _, outcome = kept.run(BackupDatabase())
    kept.shop.evaluate(
        "from app.models import HeroSlide\nresult = HeroSlide.objects.filter(title='x').delete()[0]"
    )
    kept.now = lambda: dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=2)
    kept.run(CleanupOrphanedMedia())
    assert not path.exists()
    _, restored = kept.run(RestoreBackup(), file=outcome.created[0], replace=True)
    assert "run cleanup_orphaned_media" in restored.summary
    kept.run(CleanupOrphanedMedia())
    assert b"needed" == path.read_bytes()
    _, restored = kept.run(RestoreBackup(), file=restored.created[0], replace=True)
    assert "cleanup_orphaned_media" not in restored.summary


@BOTH
def test_new_rows_go_on_after_the_restored_ones(keeper: Callable[..., Any], database: str) -> None:
    """The shop can add rows at once: the numbers that the database gives out are free."""
    kept = keeper(database, orders=20)
    _, outcome = kept.run(BackupDatabase())
    empty = keeper(database, orders=None)
    empty.run(RestoreBackup(), file=outcome.created[0], loader="batches")
    empty.shop.manage("place_orders", "--per-second=20", "--seconds=0.2")
    assert empty.shop.evaluate("from app.models import Order\nresult = Order.objects.count()") > 20


@BOTH
def test_failing_restore_leaves_the_rows_as_they_were(
    keeper: Callable[..., Any], rows_of: Callable[[Any], list[str]], database: str
) -> None:
    """Where the restored rows are not those of the manifest everything is rolled back."""
    kept = keeper(database, orders=10)
    _, outcome = kept.run(BackupDatabase())
    manifest = read_manifest(outcome.created[0])
    assert manifest is not None
    tables = dict(manifest.tables)
    tables["app.Order"] = tables["app.Order"].model_copy(update={"checksum": "0" * 64})
    write_manifest(outcome.created[0], manifest.model_copy(update={"tables": tables}))
    kept.shop.evaluate(_SELL_OUT)
    before = rows_of(kept.shop)
    with pytest.raises(BackupRefused, match=r"app\.Order"):
        kept.run(RestoreBackup(), file=outcome.created[0], replace=True)
    assert rows_of(kept.shop) == before


def test_playbook_cannot_restore(keeper: Callable[..., Any]) -> None:
    """A run that an alert began is refused before anything is looked at."""
    kept = keeper(orders=None)
    context = replace(kept.context(), attributes={"trigger": "alert", "playbook": "anything"})
    action = RestoreBackup()
    with pytest.raises(ConfigurationError, match="for a person"):
        action.plan(context, action.Options(file=kept.config.state / "db_backup_20251207_120000.json"))


def test_backup_that_did_not_pass_is_not_restored(keeper: Callable[..., Any]) -> None:
    """A backup whose trial failed is refused with the reason."""
    kept = keeper(orders=5)
    _, outcome = kept.run(BackupDatabase())
    manifest = read_manifest(outcome.created[0])
    assert manifest is not None
    write_manifest(outcome.created[0], manifest.model_copy(update={"verification_error": "one row differs"}))
    with pytest.raises(BackupRefused, match="one row differs"):
        kept.run(RestoreBackup(), file=outcome.created[0], replace=True)
