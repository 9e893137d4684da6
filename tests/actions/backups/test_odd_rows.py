"""What a fixture's fields cannot carry: restore_backup brings it back, and loaddata still reads the file."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from actions.backup_database import BackupDatabase
from actions.restore_backup import RestoreBackup
from storekeeper.backups import read_manifest

MODELS = """
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType

class Settings(models.Model):
    type = models.OneToOneField(ContentType, models.CASCADE, primary_key=True)
    title = models.CharField(max_length=20)

class Kind(ContentType):
    label = models.CharField(max_length=20)

class Note(models.Model):
    permission = models.OneToOneField(Permission, models.CASCADE, primary_key=True)

class Basket(models.Model):
    extra = models.JSONField(null=True)
    strict = models.JSONField(default=dict)

class Line(models.Model):
    pk = models.CompositePrimaryKey("order", "part")
    order = models.IntegerField()
    part = models.IntegerField()
    text = models.CharField(max_length=20)

class Item(models.Model):
    basket = models.ForeignKey(Basket, models.CASCADE)

class Odd(models.Model):
    at = models.DateTimeField()
    name = models.CharField(max_length=20)
    count = models.IntegerField()
    amount = models.DecimalField(max_digits=25, decimal_places=2)
    picture = models.ImageField(null=True)
    token = models.CharField(max_length=20, serialize=False)
    lasts = models.DurationField()
"""
# As the driver of SQLite takes them: of each of these a fixture's field would make something else.
FILL = """
UPDATE django_content_type SET id = id + 100;
UPDATE auth_permission SET id = id + 500, content_type_id = content_type_id + 100;
INSERT INTO app_settings SELECT id, 'of ' || model FROM django_content_type WHERE model = 'odd';
INSERT INTO app_kind SELECT id, 'of ' || model FROM django_content_type WHERE model = 'line';
INSERT INTO app_note SELECT id FROM auth_permission WHERE codename = 'delete_basket';
INSERT INTO app_basket VALUES (41, 'null', 'null'), (42, NULL, '{"a":1}'), (43, '{"x": "\\ud83d"}', '1.10');
INSERT INTO app_line VALUES (1, 1, 'pen'), (1, 2, 'ink');
INSERT INTO app_odd VALUES
  (1, '2026-01-02 03:04:05', 'good', 1, 1.5, 'a.png', 'kept', 5),
  (4711, '01.05.2024 10:00', x'fffe', 'many', 12345678901234567.89, NULL, 'kept too', 4611686018427387904),
  (4712, '2026-01-02T03:04', CAST(x'fffe' AS TEXT), '99999999999999999999', 'x', '', '', 1.5);
"""


def test_rows_that_refer_to_nothing_come_back(small_keeper: Callable[..., Any]) -> None:
    """Another program wrote them; they are named, since loaddata alone refuses a file that has one."""
    kept = small_keeper(MODELS, files={"app/migrations/__init__.py": ""})
    database = kept.shop.data / "db.sqlite3"
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(
            "INSERT INTO app_basket VALUES (1, NULL, '{}'); INSERT INTO app_item VALUES (7, 1), (8, 4711)"
        )
    before = raw(database)
    _, outcome = kept.run(BackupDatabase(), verify=True)
    manifest = read_manifest(outcome.created[0])
    assert manifest is not None
    assert "1 value, of key 8 refers to no row" in manifest.loses["app_item.basket_id"]
    kept.run(RestoreBackup(), file=outcome.created[0], replace=True)
    assert before == raw(database)


def raw(database: Path) -> list[str]:
    """Give every value of every table of the application, with its type, as plain SQL shows it."""
    with closing(sqlite3.connect(database)) as connection:
        connection.text_factory = bytes
        found = []
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'app_%' OR name IN"
            " ('django_content_type', 'auth_permission')"
        ).fetchall()
        for (table,) in sorted(tables):
            name = table.decode()
            columns = [row[1].decode() for row in connection.execute(f"PRAGMA table_info({name})")]
            shown = ", ".join(f'typeof("{one}"), "{one}"' for one in columns)
            found += [
                f"{name} {row!r}" for row in connection.execute(f"SELECT {shown} FROM {name} ORDER BY 2")
            ]
        return found


def test_rows_come_back_as_they_were_stored(small_keeper: Callable[..., Any]) -> None:
    """Numbers of content types, both nulls, odd values and types, into a database that counted otherwise."""
    kept = small_keeper(MODELS, files={"app/migrations/__init__.py": ""})
    database = kept.shop.data / "db.sqlite3"
    empty = database.read_bytes()
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(FILL)
    before = raw(database)
    _, outcome = kept.run(BackupDatabase(), verify=True)
    (path,) = outcome.created
    database.write_bytes(empty)
    kept.run(RestoreBackup(), file=path)
    assert before == raw(database)
    told = "\n".join(report.note for report in kept.reports)
    for column in ("app.Basket.extra", "app.Odd.at", "app.Odd.count"):
        assert column in told
    manifest = read_manifest(path)
    assert manifest is not None
    assert "2 values, of key 4711, 4712" == manifest.loses["app.Odd.at"]
    assert "app.Odd.token" not in manifest.loses
    # loaddata alone reads it, too, and knows the rows by their keys.
    kept.shop.manage("flush", "--no-input")
    kept.shop.manage("loaddata", str(path))
    after = raw(database)
    for name in ("app_basket", "app_line", "app_odd", "app_settings", "app_kind", "app_note"):
        rows = [sum(line.startswith(f"{name} ") for line in lines) for lines in (before, after)]
        assert rows[0] == rows[1]
    assert any("good" in line and "kept" in line for line in after)


def test_values_that_python_does_not_know_come_back(small_keeper: Callable[..., Any]) -> None:
    """PostgreSQL's months, infinities and years, in columns and in arrays, and its 0 with a sign."""
    models = (
        "from django.contrib.postgres.fields import ArrayField, DateRangeField\n"
        "class Odd(models.Model):\n"
        "    at = models.DateTimeField()\n"
        "    day = models.DateField(unique=True)\n"
        "    hour = models.TimeField()\n"
        "    lasts = models.DurationField()\n"
        "    days = ArrayField(models.DateField())\n"
        "    span = DateRangeField()\n"
        "    extra = models.JSONField(null=True)\n"
        "    weight = models.FloatField(null=True)\n"
    )
    kept = small_keeper(models, database="postgresql")
    names = ("id", "at", "day", "hour", "lasts", "days", "span", "extra", "weight")
    ask = f"SELECT {', '.join(f'{name}::text' for name in names)} FROM app_odd"
    code = (
        "from django.db import connection\ncursor = connection.cursor()\n"
        "cursor.execute({!r})\nresult = cursor.fetchall() if cursor.description else []"
    )
    rows = (
        (
            "(1, 'infinity', 'infinity', '24:00', '1 mon', '{{infinity}}',"
            " '[-infinity,infinity]', 'null', '-0'),"
            "(2, '0044-03-15 BC', '0044-03-15 BC', '10:00', '-23:00', '{{2024-01-01}}',"
            " 'empty', NULL, -0.05),"
            "(3, '10000-01-01', '2024-01-01', '10:00', '178000000 years', '{{}}', '(,)', '1.10', NULL)"
        )
        .replace("{{", "{")
        .replace("}}", "}")
    )
    kept.shop.evaluate(code.format(f"INSERT INTO app_odd VALUES {rows}"))
    before = kept.shop.evaluate(code.format(ask))
    _, outcome = kept.run(BackupDatabase(), verify=True)
    kept.shop.manage("flush", "--no-input")
    kept.run(RestoreBackup(), file=outcome.created[0])
    assert before == kept.shop.evaluate(code.format(ask))
    assert 3 == len(before)


FRIENDS = """
class Person(models.Model):
    name = models.CharField(max_length=20)
    friends = models.ManyToManyField("self")

class Step(models.Model):
    person = models.ForeignKey(Person, models.CASCADE, null=True)

    class Meta:
        order_with_respect_to = "person"
"""
FRIENDS_ROWS = """
INSERT INTO app_person VALUES (1, 'a'), (2, 'b'), (3, 'c');
INSERT INTO app_person_friends VALUES (7, 1, 2), (8, 1, 3), (9, 3, 1);
INSERT INTO app_step (id, person_id, _order) VALUES
  (1, 1, 5), (2, 1, 3), (3, 2, 0), (4, 2, 1), (5, NULL, 0), (6, NULL, 2);
"""


def test_orders_and_links_of_one_side_come_back(small_keeper: Callable[..., Any]) -> None:
    """Django counts an order anew for each row that it inserts, and knows no friend who is not befriended."""
    kept = small_keeper(FRIENDS, files={"app/migrations/__init__.py": ""})
    database = kept.shop.data / "db.sqlite3"
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(FRIENDS_ROWS)
    before = raw(database)
    _, outcome = kept.run(BackupDatabase(), verify=True)
    manifest = read_manifest(outcome.created[0])
    assert manifest is not None
    assert {
        "app.Person.friends": "1 value, of key 1",
        "app.Step._order": "3 values, of key 1, 2, 6",
    } == manifest.loses
    kept.run(RestoreBackup(), file=outcome.created[0], replace=True)
    assert before == raw(database)


KEYS = """
class Moment(models.Model):
    at = models.{field}(primary_key=True{more})
    others = models.ManyToManyField("self", symmetrical=False)

class Visit(models.Model):
    moment = models.ForeignKey(Moment, models.CASCADE)

class Special(Moment):
    name = models.CharField(max_length=20)

class Note(models.Model):
    special = models.OneToOneField(Special, models.CASCADE, primary_key=True)
"""


def test_rows_with_a_key_that_no_line_can_hold_come_back(small_keeper: Callable[..., Any]) -> None:
    """And so do all that refer to them: PostgreSQL would refuse a single one that refers to nothing."""
    kept = small_keeper(KEYS.format(field="DateTimeField", more=""), database="postgresql")
    code = (
        "from django.db import connection\ncursor = connection.cursor()\n"
        "cursor.execute({!r})\nresult = cursor.fetchall() if cursor.description else []"
    )
    kept.shop.evaluate(
        code.format(
            "INSERT INTO app_moment VALUES ('infinity'), ('0044-03-15 BC'), ('2024-01-01');"
            "INSERT INTO app_moment_others VALUES"
            " (5, 'infinity', '2024-01-01'), (6, '2024-01-01', 'infinity'), (7, '2024-01-01', '2024-01-01');"
            "INSERT INTO app_visit VALUES (1, 'infinity'), (2, '2024-01-01');"
            "INSERT INTO app_special VALUES ('infinity', 'pen'); INSERT INTO app_note VALUES ('infinity')"
        )
    )
    ask = code.format(
        "SELECT 'moment', at::text FROM app_moment UNION ALL SELECT 'visit', v::text FROM app_visit v"
        " UNION ALL SELECT 'other', o::text FROM app_moment_others o UNION ALL SELECT 'special', s::text"
        " FROM app_special s UNION ALL SELECT 'note', n::text FROM app_note n ORDER BY 1, 2"
    )
    before = kept.shop.evaluate(ask)
    assert 10 == len(before)
    _, outcome = kept.run(BackupDatabase(), verify=True)
    manifest = read_manifest(outcome.created[0])
    assert manifest is not None
    assert "" == manifest.lacks
    assert "1 value, of key 1" == manifest.loses["app.Visit.moment_id"]
    kept.shop.manage("flush", "--no-input")
    kept.run(RestoreBackup(), file=outcome.created[0])
    assert before == kept.shop.evaluate(ask)
    # Their stand-ins are as equal as they are: to loaddata alone all refer to what is there.
    kept.shop.manage("flush", "--no-input")
    kept.shop.manage("loaddata", str(outcome.created[0]))
    assert 2 == len([row for row in kept.shop.evaluate(ask) if row[0] == "visit"])


def test_keys_that_are_no_text_come_back(small_keeper: Callable[..., Any]) -> None:
    """SQLite keeps any bytes as text: two that look alike stay two, and are told by their bytes."""
    more = {"app/migrations/__init__.py": ""}
    kept = small_keeper(KEYS.format(field="CharField", more=", max_length=20"), files=more)
    database = kept.shop.data / "db.sqlite3"
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(
            "INSERT INTO app_moment VALUES (CAST(x'fe' AS TEXT)), (CAST(x'eda080' AS TEXT)), ('ok'), (x'ff'),"
            " (CAST(x'ff' AS TEXT));"
            "INSERT INTO app_moment_others VALUES (5, CAST(x'ff' AS TEXT), 'ok'), (6, 'ok', 'ok'),"
            " (7, 'ok', CAST(x'ff' AS TEXT));"
            "INSERT INTO app_visit VALUES (1, CAST(x'fe' AS TEXT)), (2, 'ok');"
            "INSERT INTO app_special VALUES (CAST(x'fe' AS TEXT), 'pen')"
        )
    before = raw(database)
    _, outcome = kept.run(BackupDatabase(), verify=True)
    manifest = read_manifest(outcome.created[0])
    assert manifest is not None
    assert "" == manifest.lacks
    assert "4 values, of key " in manifest.loses["app.Moment.at"]
    assert "x'eda080'" in manifest.loses["app.Moment.at"]
    kept.run(RestoreBackup(), file=outcome.created[0], replace=True)
    assert before == raw(database)


WAYS = """
from django.contrib.contenttypes.models import ContentType

class Upper(models.Model):
    name = models.CharField(max_length=20)
    at = models.DateTimeField(null=True)
    kind = models.ForeignKey(ContentType, models.CASCADE, null=True)

    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        self.name = self.name.upper()

class Lower(models.Model):
    name = models.CharField(max_length=20, unique=True)
    up = models.ForeignKey(Upper, models.CASCADE, null=True)

    def __setattr__(self, name, value):
        super().__setattr__(name, value.lower() if name == "name" else value)
"""


def test_what_a_model_makes_of_its_values_is_undone(small_keeper: Callable[..., Any]) -> None:
    """loaddata makes objects: an __init__ of the shop's, and whatever else sets a value, changes some."""
    kept = small_keeper(WAYS, files={"app/migrations/__init__.py": ""})
    database = kept.shop.data / "db.sqlite3"
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(
            "INSERT INTO app_upper SELECT 1, 'Pen', NULL, min(id) FROM django_content_type;"
            "INSERT INTO app_upper VALUES (2, 'INK', '2026-01-02 03:04:05', NULL);"
            "INSERT INTO app_lower VALUES (1, 'Pen', 1), (2, 'ink', NULL)"
        )
    before = raw(database)
    _, outcome = kept.run(BackupDatabase(), verify=True)
    manifest = read_manifest(outcome.created[0])
    assert manifest is not None
    both = {"app.Lower.name": "1 value, of key 1", "app.Upper.name": "1 value, of key 1"}
    assert both == manifest.loses
    kept.run(RestoreBackup(), file=outcome.created[0], replace=True)
    assert before == raw(database)


def test_rows_that_refer_to_an_odd_value_come_back(small_keeper: Callable[..., Any]) -> None:
    """It comes to its place after loaddata, and PostgreSQL checks no sooner what rows refer to."""
    models = (
        "class Day(models.Model):\n    day = models.DateField(unique=True, null=True)\n"
        "class Trip(models.Model):\n    day = models.ForeignKey(Day, models.CASCADE, to_field='day')\n"
    )
    kept = small_keeper(models, database="postgresql")
    code = (
        "from django.db import connection\ncursor = connection.cursor()\n"
        "cursor.execute({!r})\nresult = cursor.fetchall() if cursor.description else []"
    )
    kept.shop.evaluate(
        code.format("INSERT INTO app_day VALUES (1, 'infinity'); INSERT INTO app_trip VALUES (1, 'infinity')")
    )
    ask = code.format("SELECT d::text, t::text FROM app_day d, app_trip t")
    before = kept.shop.evaluate(ask)
    _, outcome = kept.run(BackupDatabase())
    kept.run(RestoreBackup(), file=outcome.created[0], replace=True)
    assert before == kept.shop.evaluate(ask)
    assert 1 == len(before)
