"""While a restore loads rows, triggers and rules of the shop's tables make none, and all are there again."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from actions.backup_database import BackupDatabase
from actions.restore_backup import RestoreBackup

Factory = Callable[..., Any]

_MODELS = """
class T(models.Model):
    name = models.CharField(max_length=20)

class Audit(models.Model):
    what = models.CharField(max_length=60)
"""
_MIGRATIONS = {
    "app/migrations/__init__.py": "",
    "app/migrations/0001_initial.py": """
from django.db import migrations, models

def table(name, column, size):
    return migrations.CreateModel(name, [
        ("id", models.BigAutoField(primary_key=True)), (column, models.CharField(max_length=size))])

class Migration(migrations.Migration):
    initial = True
    operations = [table("T", "name", 20), table("Audit", "what", 60), migrations.RunSQL(%r)]
""",
}
_SQLITE = """
create trigger "it's up" after insert on app_t begin
    update app_t set name = upper(name) where id = new.id;
    insert into app_audit(what) values ('100% ' || new.name);
end;
create trigger gone after delete on app_t begin insert into app_audit(what) values ('gone'); end;
"""
_POSTGRESQL = """
create function up() returns trigger language plpgsql as $$ begin
    new.name := upper(new.name); insert into app_audit(what) values ('ins ' || new.name); return new;
end $$;
create trigger usual before insert on app_t for each row execute function up();
create trigger "ever's" before insert on app_t for each row execute function up();
alter table app_t enable always trigger "ever's";
create trigger replica before insert on app_t for each row execute function up();
alter table app_t enable replica trigger replica;
create trigger disabled before insert on app_t for each row execute function up();
alter table app_t disable trigger disabled;
create rule twice as on insert to app_t do also insert into app_audit (what) values ('of a rule');
"""
_OF_SQLITE = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
_OF_POSTGRESQL = """
    SELECT tgname::text, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT rulename, ev_enabled::text FROM pg_rewrite WHERE rulename = 'twice' ORDER BY 1
"""


def _files(statements: str) -> dict[str, str]:
    return {name: text % statements if "%r" in text else text for name, text in _MIGRATIONS.items()}


@pytest.mark.parametrize("loader", ["loaddata", "batches"])
def test_triggers_of_sqlite_wait(small_keeper: Factory, loader: str) -> None:
    """Rows that a trigger has changed or written come back as they were; then it runs as ever."""
    kept = small_keeper(_MODELS, files=_files(_SQLITE))
    file = kept.shop.data / "db.sqlite3"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("INSERT INTO app_t (name) VALUES ('a'), ('b')")
        connection.execute("UPDATE app_t SET name = 'Small' WHERE id = 1")
    before = _of(file, "SELECT id, name FROM app_t"), _of(file, "SELECT id, what FROM app_audit")
    triggers = _of(file, _OF_SQLITE)
    _, outcome = kept.run(BackupDatabase(), verify=True)
    kept.run(RestoreBackup(), file=outcome.created[0], replace=True, loader=loader)
    assert before == (_of(file, "SELECT id, name FROM app_t"), _of(file, "SELECT id, what FROM app_audit"))
    assert triggers == _of(file, _OF_SQLITE)
    assert len(triggers) == 2


@pytest.mark.parametrize("loader", ["loaddata", "batches"])
def test_triggers_and_rules_of_postgresql_wait(small_keeper: Factory, loader: str) -> None:
    """They are enabled as they were afterwards: usual, always, on replicas alone, or not at all."""
    kept = small_keeper(_MODELS, database="postgresql", files=_files(_POSTGRESQL))
    _execute(
        kept,
        "INSERT INTO app_t (name) VALUES ('a'), ('b')",
        "INSERT INTO app_audit (what) VALUES ('by hand')",
        "UPDATE app_t SET name = 'Small' WHERE id = 1",
    )
    before = _rows(kept)
    assert before["enabled"] == [
        ["disabled", "D"], ["ever's", "A"], ["replica", "R"], ["twice", "O"], ["usual", "O"]
    ]  # fmt: skip
    _, outcome = kept.run(BackupDatabase(), verify=True)
    kept.run(RestoreBackup(), file=outcome.created[0], replace=True, loader=loader)
    assert before == _rows(kept)


def _of(file: Any, query: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return sorted(connection.execute(query).fetchall())


def _rows(kept: Any) -> dict[str, list[Any]]:
    queries = {
        "t": "SELECT id, name FROM app_t ORDER BY 1",
        "audit": "SELECT id, what FROM app_audit ORDER BY 1",
        "enabled": _OF_POSTGRESQL,
    }
    return {name: _execute(kept, query) for name, query in queries.items()}


def _execute(kept: Any, *statements: str) -> list[Any]:
    """Return the rows of the last statement."""
    found: list[Any] = kept.shop.evaluate(
        "from django.db import connection\n"
        "with connection.cursor() as cursor:\n"
        f"    for statement in {statements!r}:\n"
        "        cursor.execute(statement)\n"
        "    result = [list(row) for row in cursor.fetchall()] if cursor.description else []\n"
    )
    return found
