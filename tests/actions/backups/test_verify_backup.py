"""verify_backup: a backup is proved by a restore into a scratch database, or it is told what is wrong."""

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from actions.backup_database import BackupDatabase
from actions.backups.manifest import write_manifest
from actions.verify_backup import VerifyBackup
from storekeeper.backups import Manifest, read_manifest
from storekeeper.config.model import ServerAddress
from storekeeper.errors import BackupRefused, ShopError
from storekeeper.shop import Shop

BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"])


def manifest_of(path: Path) -> Manifest:
    """Give the manifest of a backup that must have one."""
    manifest = read_manifest(path)
    assert manifest is not None
    return manifest


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change the content of a packed backup as somebody would who also corrects every sum."""
    content = change(gzip.decompress(path.read_bytes()))
    packed = gzip.compress(content)
    path.write_bytes(packed)
    sums = {
        "sha256": hashlib.sha256(packed).hexdigest(),
        "size_bytes": len(packed),
        "content_sha256": hashlib.sha256(content).hexdigest(),
        "content_bytes": len(content),
    }
    write_manifest(path, manifest_of(path).model_copy(update=sums))


@BOTH
@pytest.mark.parametrize("loader", ["loaddata", "batches"])
def test_whole_backup_is_proved(
    keeper: Callable[..., Any], rows_of: Callable[[Any], list[str]], database: str, loader: str
) -> None:
    """Both loaders restore every row; the time is noted, and the live rows are as they were."""
    kept = keeper(database, orders=30)
    _, outcome = kept.run(BackupDatabase())
    before = rows_of(kept.shop)
    kept.run(VerifyBackup(), loader=loader)
    manifest = manifest_of(outcome.created[0])
    assert manifest.verified is not None
    assert f"restored by {loader}" in manifest.verified_by
    assert rows_of(kept.shop) == before


@BOTH
def test_native_backup_is_proved(keeper: Callable[..., Any], database: str) -> None:
    """A backup in the database's own format is restored and its rows are counted."""
    kept = keeper(database, orders=10)
    _, outcome = kept.run(BackupDatabase(), format="native")
    kept.run(VerifyBackup())
    assert manifest_of(outcome.created[0]).verified is not None


@BOTH
def test_scratch_database_is_gone_afterwards(keeper: Callable[..., Any], database: str) -> None:
    """Whether the trial passes or not, nothing of it stays."""
    kept = keeper(database, orders=10)
    _, outcome = kept.run(BackupDatabase())
    kept.run(VerifyBackup())
    rewrite(outcome.created[0], lambda content: content.replace(b'"rating": ', b'"rating": 1'))
    with pytest.raises(BackupRefused):
        kept.run(VerifyBackup(), file=outcome.created[0])
    if database == "sqlite":
        assert list((kept.config.state / "scratch").iterdir()) == []
    else:
        with psycopg.connect(kept.shop.database_url) as connection:
            rows = connection.execute("SELECT datname FROM pg_database").fetchall()
        assert [name for (name,) in rows if name.startswith("storekeeper_verify")] == []


@pytest.mark.parametrize("place", [4, -300])
def test_damaged_backup_does_not_count(keeper: Callable[..., Any], place: int) -> None:
    """One wrong byte is found, also where unpacking would not see it; the manifest says why."""
    kept = keeper(orders=10)
    _, outcome = kept.run(BackupDatabase(), verify=True)
    (path,) = outcome.created
    assert manifest_of(path).verified is not None
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(BackupRefused, match="1 of 1 backups did not pass"):
        kept.run(VerifyBackup(), file=path)
    manifest = manifest_of(path)
    assert manifest.verified is None
    assert "another checksum" in manifest.verification_error


@pytest.mark.parametrize("loader", ["loaddata", "batches"])
@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (b'"status": "paid"', b'"status": "cancelled"', "app.Order: 30 rows, but not all of them are equal"),
        (b'"is_active": true', b'"is_active": false', "auth.User: 3 rows, but"),
    ],
)
def test_changed_row_is_found(
    keeper: Callable[..., Any], loader: str, before: bytes, after: bytes, told: str
) -> None:
    """A backup whose bytes agree with its sums, but whose rows differ from the shop's, does not pass."""
    kept = keeper(orders=30)
    _, outcome = kept.run(BackupDatabase())
    rewrite(outcome.created[0], lambda content: content.replace(before, after, 1))
    with pytest.raises(BackupRefused, match=told):
        kept.run(VerifyBackup(), loader=loader)
    assert manifest_of(outcome.created[0]).verified is None


@pytest.mark.parametrize("loader", ["loaddata", "batches"])
def test_missing_row_is_found(keeper: Callable[..., Any], loader: str) -> None:
    """A line that is not there is missed, also where another row refers to it."""
    kept = keeper(orders=10)
    _, outcome = kept.run(BackupDatabase())

    def without_one(content: bytes) -> bytes:
        lines = content.split(b"\n")
        index = next(i for i, line in enumerate(lines) if b'"model": "app.orderitem"' in line)
        return b"\n".join(lines[:index] + lines[index + 1 :])

    rewrite(outcome.created[0], without_one)
    with pytest.raises(BackupRefused, match=r"app\.OrderItem: \d+ rows, not \d+"):
        kept.run(VerifyBackup(), loader=loader)


def test_rows_of_migrations_do_not_disturb(keeper: Callable[..., Any]) -> None:
    """Rows that a migration makes, and that the shop has removed since, are not in the restored database."""
    kept = keeper(orders=5, copied=True)
    folder = kept.config.project / "app" / "migrations"
    (folder / "0099_first_counter.py").write_text(
        "from django.db import migrations\n\n\n"
        "def make(apps, editor):\n"
        "    counters = apps.get_model('app', 'Counter').objects.using(editor.connection.alias)\n"
        "    counters.create(name='seed', value=1)\n\n\n"
        "class Migration(migrations.Migration):\n"
        f"    dependencies = [('app', {sorted(p.stem for p in folder.glob('0*.py'))[-1]!r})]\n"
        "    operations = [migrations.RunPython(make)]\n",
        "utf-8",
    )
    kept.shop.manage("migrate", "--verbosity=0")
    kept.shop.evaluate(
        "from app.models import Counter\nresult = Counter.objects.filter(name='seed').delete()[0]"
    )
    _, outcome = kept.run(BackupDatabase(), verify=True)
    assert manifest_of(outcome.created[0]).verified is not None


def test_user_without_createdb_is_told_what_to_do(keeper: Callable[..., Any], postgresql_server: Any) -> None:
    """Where no scratch database may be made it is said, and no backup is called bad; another server helps."""
    kept = keeper("postgresql", orders=None)
    _, outcome = kept.run(BackupDatabase())
    role = f"shopkeeper_{kept.shop.data.name}"
    with psycopg.connect(postgresql_server.uri, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
    url = kept.shop.database_url.replace("//postgres:@", f"//{role}:@")
    python = kept.config.python
    python.write_text(python.read_text("utf-8").replace(kept.shop.database_url, url), "utf-8")
    with pytest.raises(BackupRefused, match="may not create a scratch database") as found:
        kept.run(VerifyBackup())
    assert "verify_on" in found.value.hint
    assert manifest_of(outcome.created[0]).verification_error == ""
    server = ServerAddress(url=postgresql_server.uri)
    backups = kept.config.backups.model_copy(update={"verify_on": server})
    kept.config = kept.config.model_copy(update={"backups": backups})
    kept.run(VerifyBackup())
    assert "every value compared by SQL" in manifest_of(outcome.created[0]).verified_by


@BOTH
def test_shop_refuses_to_take_a_live_database_for_scratch(keeper: Callable[..., Any], database: str) -> None:
    """The shop's side goes to no database but one with the name of a scratch database."""
    kept = keeper(database, orders=None)
    address = kept.context().shop.describe().databases["default"]["NAME"]
    with Shop.of(kept.config).talk() as conversation:
        for name in (address, "postgres", ""):
            with pytest.raises(ShopError, match="not the name of a scratch database"):
                conversation.ask("enter_scratch", database="default", name=name)


def test_every_unverified_backup_is_tried_when_asked(keeper: Callable[..., Any]) -> None:
    """Without a file the newest is tried; with all, the older ones too."""
    kept = keeper(orders=5)
    paths = [kept.run(BackupDatabase())[1].created[0] for _ in range(2)]
    assert [backup.path for backup in kept.plan(VerifyBackup()).backups] == [paths[1]]
    kept.run(VerifyBackup(), all=True)
    assert all(manifest_of(path).verified for path in paths)
    assert kept.plan(VerifyBackup(), all=True).backups == ()
