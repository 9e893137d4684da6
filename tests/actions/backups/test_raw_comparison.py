"""A backup is compared by SQL: what its writer, its loader or anybody made of a value is seen and named."""

import gzip
import json
import random
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from actions.backup_database import BackupDatabase
from actions.backups.manifest import write_manifest
from actions.restore_backup import RestoreBackup
from actions.verify_backup import VerifyBackup
from storekeeper.backups import Manifest, RawSums, read_manifest
from storekeeper.errors import BackupRefused, DatabaseUnavailable
from tests.actions.backups.test_verify_backup import rewrite

BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"])
Factory = Callable[..., Any]


def manifest_of(path: Path) -> Manifest:
    """Give the manifest of a backup that must have one."""
    manifest = read_manifest(path)
    assert manifest is not None
    return manifest


def raw_of(path: Path) -> RawSums:
    """Give the raw sums of a backup that must have them."""
    raw = manifest_of(path).raw
    assert raw is not None
    return raw


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str) and re.fullmatch(r"\d{4}-.*", value):
        return value.replace(value[:4], f"{int(value[:4]) - 1}", 1)
    return value + "x" if isinstance(value, str) and len(value) < 9 and value.isalpha() else None


@BOTH
def test_any_changed_value_is_named(keeper: Factory, database: str) -> None:
    """One value of one row in several tables: each is named with table, column and key."""
    kept = keeper(database, orders=20)
    _, outcome = kept.run(BackupDatabase())
    (path,) = outcome.created
    chance = random.Random(kept.shop.data.name)
    changed: dict[str, tuple[str, str]] = {}

    def change(content: bytes) -> bytes:
        rows = json.loads(content)
        models = ["app.order", "app.product", "app.orderitem", "app.category", "app.counter", "auth.user"]
        for model in models:
            row = chance.choice([one for one in rows if one["model"] == model])
            names = [
                name
                for name, value in row["fields"].items()
                if _other(value) is not None
                and name not in ("slug", "sku", "password", "username")
                and f"{name}_id" not in raw_of(path).tables[model.replace(".", "_")].columns
            ]
            if names:
                name = chance.choice(names)
                row["fields"][name] = _other(row["fields"][name])
                changed[model] = (name, str(row["pk"]).replace("-", "")[:12])
        return ("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n").encode()

    rewrite(path, change)
    with pytest.raises(BackupRefused) as found:
        kept.run(VerifyBackup())
    told = {
        line[1].lower(): line[2] for line in re.finditer(r"(\w+\.\w+): (\d+ rows[^;]*)", found.value.message)
    }
    assert len(changed) >= 4
    for model, (name, key) in changed.items():
        assert f"not all of them are equal: {name} of" in told[model], (changed, found.value.message)
        assert key in told[model].replace("-", "")
    assert manifest_of(path).verified is None
    assert manifest_of(path).differs


@BOTH
def test_sums_of_another_moment_do_not_pass(keeper: Factory, database: str) -> None:
    """A backup whose lines are whole, but of which SQL said something else, is not verified."""
    kept = keeper(database, orders=5)
    _, outcome = kept.run(BackupDatabase())
    (path,) = outcome.created
    raw = raw_of(path)
    table = raw.tables["app_order"]
    first, second = map(int, table.columns["number"].split())
    columns = {**table.columns, "number": f"{first + 1} {second}"}
    tables = {**raw.tables, "app_order": table.model_copy(update={"columns": columns})}
    wrong = raw.model_copy(update={"tables": tables})
    write_manifest(path, manifest_of(path).model_copy(update={"raw": wrong}))
    with pytest.raises(BackupRefused, match=r"app\.Order: 5 rows, but not all of them are equal: number"):
        kept.run(VerifyBackup())


def test_backup_without_sums_is_verified_as_before(keeper: Factory) -> None:
    """A manifest of an older version has none: rows are compared line by line, and that is told."""
    kept = keeper(orders=5)
    _, outcome = kept.run(BackupDatabase())
    (path,) = outcome.created
    write_manifest(path, manifest_of(path).model_copy(update={"raw": None, "numbers": ""}))
    kept.run(VerifyBackup())
    assert "every row compared, by the code that wrote it alone" in manifest_of(path).verified_by


def test_triggers_of_the_shop_do_not_run(keeper: Factory) -> None:
    """A trigger would change what is loaded: the tables of the trial have none."""
    kept = keeper(orders=5)
    with sqlite3.connect(kept.shop.data / "db.sqlite3") as connection:
        connection.execute(
            "CREATE TRIGGER loud AFTER INSERT ON app_counter BEGIN"
            " UPDATE app_counter SET value = value + 1000; END"
        )
    _, outcome = kept.run(BackupDatabase())
    kept.run(VerifyBackup())
    assert manifest_of(outcome.created[0]).verified is not None


def test_live_database_is_summed_in_the_moment_that_is_read(keeper: Factory) -> None:
    """With a write-ahead log the database itself is read, while others write: the sums are of one moment."""
    kept = keeper(orders=5)
    with sqlite3.connect(kept.shop.data / "db.sqlite3", isolation_level=None) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("INSERT INTO app_counter (name, value) VALUES ('before', 1)")
        _, outcome = kept.run(BackupDatabase(), verify=True)
    assert raw_of(outcome.created[0]).tables["app_counter"].rows > 0
    assert "every value compared by SQL" in manifest_of(outcome.created[0]).verified_by


def test_rows_that_a_policy_hides_are_no_backup(keeper: Factory, postgresql_server: Any) -> None:
    """Row-level security: the table is named, what to do is said, and no file appears."""
    kept = keeper("postgresql", orders=5)
    role = f"tenant_{kept.shop.data.name}"
    with psycopg.connect(kept.shop.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
        connection.execute("ALTER TABLE app_order ENABLE ROW LEVEL SECURITY")
        connection.execute("CREATE POLICY own ON app_order USING (status = 'paid')")
    url = kept.shop.database_url.replace("//postgres:@", f"//{role}:@")
    python = kept.config.python
    python.write_text(python.read_text("utf-8").replace(kept.shop.database_url, url), "utf-8")
    with pytest.raises(DatabaseUnavailable, match="app_order") as found:
        kept.run(BackupDatabase())
    assert "BYPASSRLS" in found.value.hint
    assert not list(kept.config.backups.path.glob("*.json*"))


@BOTH
def test_highest_keys_come_back(keeper: Factory, database: str) -> None:
    """Keys of rows that are gone are not given again, and a sequence of the shop's own goes on."""
    kept = keeper(database, orders=5)
    url = kept.shop.database_url
    if database == "postgresql":
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE SEQUENCE invoice_no")
            connection.execute("SELECT setval('invoice_no', 500)")
    kept.shop.evaluate(
        "from app.models import Category\n"
        "rows = [Category.objects.create(name=f'c{i}', slug=f'c{i}') for i in range(3)]\n"
        "[row.delete() for row in rows]\nresult = 1"
    )
    newest = (
        "from app.models import Category\nrow = Category.objects.create(name='n', slug='n')\nresult = row.pk"
    )
    _, outcome = kept.run(BackupDatabase(), verify=True)
    wanted = kept.shop.evaluate(newest)
    _, restored = kept.run(RestoreBackup(), file=outcome.created[0], replace=True)
    assert "every value is as it was" in restored.summary
    assert kept.shop.evaluate(newest) == wanted
    if database == "postgresql":
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT nextval('invoice_no')").fetchone() == (501,)


def test_content_is_what_it_was_before(keeper: Factory) -> None:
    """Nothing of the comparison writes into the backup."""
    kept = keeper(orders=5)
    _, outcome = kept.run(BackupDatabase())
    before = gzip.decompress(outcome.created[0].read_bytes())
    kept.run(VerifyBackup())
    assert gzip.decompress(outcome.created[0].read_bytes()) == before
