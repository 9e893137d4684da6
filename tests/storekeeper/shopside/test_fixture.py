"""The fixture that the shop's interpreter writes, beside what Django's own dumpdata writes."""

import json
import re
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from actions.backups.fixture_lines import SEPARATOR, FixtureLines
from storekeeper.errors import ShopError
from storekeeper.shop.shop import Conversation

BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"])

_TIME = re.compile(r"((?:\d{4}-\d\d-\d\dT)?\d\d:\d\d:\d\d\.\d{3})\d{3}(Z?)")


def dump(shop: Any, *, python: Path | None = None, **arguments: Any) -> tuple[list[dict[str, Any]], Any]:
    """Give the objects of the fixture and its summary, with the sums of the tables."""
    environment = {name: value for name, value in shop.environment.items() if name.startswith("SHOP_")}
    with Conversation(Path(sys.executable), project=shop.project, environment=environment) as conversation:
        answers = list(conversation.stream("dump_fixture", database="default", **arguments))
    fixture = FixtureLines()
    lines = b""
    for answer in answers:
        if isinstance(answer, bytes):
            lines += fixture.feed(answer)
        elif "table" in answer:
            fixture.begin(**answer["table"])
    summary = answers[-1]["summary"]
    tables = fixture.sums(summary["tables"])
    sent = summary["tables"]
    return json.loads(b"[%b]" % lines[: -len(SEPARATOR)]), {**summary, "sent": sent, "tables": tables}


def by_key(objects: list[dict[str, Any]]) -> list[str]:
    """Give the objects as texts in an order of their own."""
    return sorted(json.dumps(one, sort_keys=True) for one in objects)


def as_we_write_it(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give dumpdata's objects as we write them: content types by name, links in our order."""
    types = {
        one["pk"]: [one["fields"]["app_label"], one["fields"]["model"]]
        for one in objects
        if one["model"] == "contenttypes.contenttype"
    }
    permissions = {
        one["pk"]: [one["fields"]["codename"], *types[one["fields"]["content_type"]]]
        for one in objects
        if one["model"] == "auth.permission"
    }
    for one in objects:
        fields = one["fields"]
        if one["model"] in ("contenttypes.contenttype", "auth.permission"):
            del one["pk"]
        if fields.get("content_type") is not None:
            fields["content_type"] = types[fields["content_type"]]
        for name in ("permissions", "user_permissions"):
            if name in fields:
                fields[name] = sorted(permissions[key] for key in fields[name])
        for name in ("groups", "categories", "related_products"):
            if name in fields:
                fields[name] = sorted(fields[name])
    return objects


LINK_TABLES = (
    "app.product_categories",
    "app.product_related_products",
    "auth.group_permissions",
    "auth.user_groups",
    "auth.user_user_permissions",
)


def plain(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what stands beside the fields."""
    for one in objects:
        one.pop("stored", None)
    return objects


def without_link_tables(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out the rows that dumpdata does not write: it knows links by their owners alone."""
    return [one for one in objects if one["model"] not in LINK_TABLES]


def without_microseconds(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Cut our times to milliseconds, as dumpdata does."""
    for one in objects:
        for name, value in one["fields"].items():
            if isinstance(value, str) and (match := _TIME.fullmatch(value)):
                one["fields"][name] = match[1] + match[2]
    return objects


@BOTH
def test_every_object_is_the_one_that_dumpdata_writes(make_shop: Callable[..., Any], database: str) -> None:
    """Apart from microseconds, and from the names of content types, the objects are equal."""
    shop = make_shop(database, orders=50)
    objects, _ = dump(shop)
    expected = as_we_write_it(json.loads(shop.manage("dumpdata", "--all")))
    assert by_key(without_microseconds(without_link_tables(plain(objects)))) == by_key(expected)


@BOTH
def test_links_keep_their_own_keys(make_shop: Callable[..., Any], database: str) -> None:
    """The rows of link tables come before their owners, so that loaddata finds them and makes none anew."""
    shop = make_shop(database, orders=50)
    objects, _ = dump(shop)
    models = [one["model"] for one in objects]
    written = {
        (one["pk"], one["fields"]["from_product"], one["fields"]["to_product"])
        for one in objects
        if one["model"] == "app.product_related_products"
    }
    stored = shop.evaluate(
        "from app.models import Product\n"
        "links = Product.related_products.through.objects\n"
        "result = list(links.values_list('pk', 'from_product_id', 'to_product_id'))"
    )
    assert {tuple(row) for row in stored} == written
    assert written
    last_link = len(models) - 1 - models[::-1].index("app.product_related_products")
    assert last_link < models.index("app.product")


@BOTH
def test_microseconds_are_kept(make_shop: Callable[..., Any], database: str) -> None:
    """A time leaves the database with all its digits."""
    shop = make_shop(database, orders=20)
    objects, _ = dump(shop)
    written = {one["pk"]: one["fields"]["placed_at"] for one in objects if one["model"] == "app.order"}
    expected = shop.evaluate(
        "from app.models import Order\n"
        "result = {str(o.pk): o.placed_at.isoformat().replace('+00:00', 'Z') for o in Order.objects.all()}"
    )
    assert written == expected
    assert any(len(value) == len("2026-11-22T15:43:00.123456Z") for value in written.values())


@BOTH
def test_rows_that_a_manager_hides_are_written(make_shop: Callable[..., Any], database: str) -> None:
    """Deleted reviews, which the shop's default manager hides, are in the fixture."""
    shop = make_shop(database, orders=50)
    shop.evaluate(
        "from app.models import Review\n"
        "result = Review.everything.filter(pk__in=[r.pk for r in Review.everything.all()[:2]])"
        ".update(is_deleted=True)"
    )
    objects, summary = dump(shop)
    reviews = [one for one in objects if one["model"] == "app.review"]
    assert len(reviews) == shop.evaluate("from app.models import Review\nresult = Review.everything.count()")
    assert summary["tables"]["app.Review"].rows == len(reviews)
    assert sum(one["fields"]["is_deleted"] for one in reviews) >= 2


@BOTH
def test_tables_without_a_model_are_named_as_left_out(make_shop: Callable[..., Any], database: str) -> None:
    """Nothing is left out silently."""
    shop = make_shop(database, orders=None)
    shop.evaluate(
        "from django.db import connection\n"
        "connection.cursor().execute('CREATE TABLE legacy_points (n integer)')\nresult = 1"
    )
    _, summary = dump(shop)
    assert list(summary["left_out"]) == ["legacy_points"]


def test_models_without_a_place_in_the_fixture_are_named(make_shop: Callable[..., Any]) -> None:
    """An unmanaged model, and one that a router keeps elsewhere, are told where their tables lie here."""
    shop = make_shop("sqlite", orders=5, copied=True)
    models = shop.project / "app" / "models.py"
    models.write_text(
        models.read_text("utf-8") + "\n\nclass Legacy(models.Model):\n"
        "    class Meta:\n        managed = False\n        db_table = 'legacy'\n",
        "utf-8",
    )
    settings = shop.project / "madamda" / "settings.py"
    router = (
        "\n\nclass Elsewhere:\n"
        "    def allow_migrate(self, db, app_label, model_name=None, **hints):\n"
        "        return False if model_name == 'note' else None\n\n\n"
        "DATABASE_ROUTERS = [Elsewhere()]\n"
    )
    settings.write_text(settings.read_text("utf-8") + router, "utf-8")
    with sqlite3.connect(shop.data / "db.sqlite3") as connection:
        connection.execute("CREATE TABLE legacy (id integer)")
    connection.close()
    objects, summary = dump(shop)
    assert sorted(summary["left_out"]) == ["app.Legacy", "app.Note"]
    assert not {one["model"] for one in objects} & {"app.legacy", "app.note"}


@BOTH
def test_one_moment_is_read_while_orders_come_in(make_shop: Callable[..., Any], database: str) -> None:
    """With customers at work every order's total is the sum of its items, and no item lacks its order."""
    shop = make_shop(database, orders=50)
    with shop.start("place_orders", "--per-second=20", "--seconds=600") as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        try:
            dumps = [dump(shop)[0] for _ in range(3)]
        finally:
            # Not sooner: on a busy machine reading takes its time.
            writer.terminate()
    counts = set()
    for objects in dumps:
        orders = {one["pk"]: one["fields"] for one in objects if one["model"] == "app.order"}
        sums = dict.fromkeys(orders, Decimal(0))
        for one in objects:
            if one["model"] == "app.orderitem":
                fields = one["fields"]
                sums[fields["order"]] += fields["quantity"] * Decimal(fields["unit_price"])
        assert sums == {key: Decimal(fields["total"]) for key, fields in orders.items()}
        counts.add(len(orders))
    assert len(counts) > 1, "nobody wrote while we read"


def test_writers_go_on_beside_a_reader(make_shop: Callable[..., Any]) -> None:
    """Reading a SQLite shop whose transactions begin IMMEDIATE takes no writer's lock."""
    shop = make_shop("sqlite", orders=20)
    path = shop.data / "db.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    environment = {name: value for name, value in shop.environment.items() if name.startswith("SHOP_")}
    with Conversation(Path(sys.executable), project=shop.project, environment=environment) as conversation:
        answers = conversation.stream("dump_fixture", database="default")
        assert "table" in next(answers)
        with sqlite3.connect(path, timeout=0) as connection:
            connection.execute("UPDATE app_order SET note = 'written meanwhile'")
        connection.close()
        text = b"".join(answer for answer in answers if isinstance(answer, bytes))
    assert b"written meanwhile" not in text


@BOTH
def test_equal_rows_give_equal_sums(make_shop: Callable[..., Any], database: str) -> None:
    """A second look at the same rows gives the same checksums; a changed row changes its table's alone."""
    shop = make_shop(database, orders=20)
    before = dump(shop)[1]["tables"]
    assert dump(shop)[1]["tables"] == before
    shop.evaluate(
        "from app.models import Customer\nc = Customer.objects.first()\nc.name += '!'\nc.save()\nresult = 1"
    )
    after = dump(shop)[1]["tables"]
    assert [label for label in before if before[label] != after[label]] == ["app.Customer"]


def test_what_the_shop_prints_stays_out_of_the_fixture(make_shop: Callable[..., Any]) -> None:
    """A shop that prints to standard output at its start does not spoil the fixture."""
    shop = make_shop("sqlite", orders=5, copied=True)
    settings = shop.project / "madamda" / "settings.py"
    settings.write_text(settings.read_text("utf-8") + '\nprint("សួស្តី from the settings")\n', "utf-8")
    objects, summary = dump(shop)
    assert len(objects) == sum(table.rows for table in summary["tables"].values())


def test_values_of_other_types_than_the_column_are_written_as_django_does(
    make_shop: Callable[..., Any],
) -> None:
    """SQLite lets a text stand in a number's column; the fixture has what dumpdata has."""
    shop = make_shop("sqlite", orders=5)
    with sqlite3.connect(shop.data / "db.sqlite3") as connection:
        connection.execute("UPDATE app_customer SET phone = NULL")
        connection.execute("UPDATE app_customer SET name = 12.5 WHERE rowid = 1")
        connection.execute("UPDATE app_product SET weight = 3, image = '' WHERE id = 1")
        connection.execute("UPDATE app_product SET price = 0.1 WHERE id = 2")
    connection.close()
    expected = as_we_write_it(json.loads(shop.manage("dumpdata", "--all")))
    assert by_key(without_microseconds(without_link_tables(plain(dump(shop)[0])))) == by_key(expected)


def test_times_of_any_length_and_age_are_written(make_shop: Callable[..., Any]) -> None:
    """PostgreSQL's short fractions and early years come out as Python writes them."""
    shop = make_shop("postgresql", orders=5)
    with psycopg.connect(shop.database_url) as connection:
        for moment in (
            "2026-01-02 03:04:05.1",
            "2026-01-02 03:04:05.000001",
            "0099-12-31 23:59:59",
            "2026-01-02",
        ):
            connection.execute(
                "INSERT INTO app_promotion (name, starts_at) VALUES (%s, %s)", [moment, f"{moment}+00"]
            )
    written = {
        one["fields"]["name"]: one["fields"]["starts_at"]
        for one in dump(shop)[0]
        if one["model"] == "app.promotion" and one["fields"]["name"][:2] in ("20", "00")
    }
    assert written == {
        "2026-01-02 03:04:05.1": "2026-01-02T03:04:05.100000Z",
        "2026-01-02 03:04:05.000001": "2026-01-02T03:04:05.000001Z",
        "0099-12-31 23:59:59": "0099-12-31T23:59:59Z",
        "2026-01-02": "2026-01-02T00:00:00Z",
    }


def test_numbers_and_times_of_postgresql_are_dumpdatas(make_shop: Callable[..., Any]) -> None:
    """PostgreSQL's own text of numbers, dates and times of day becomes what Django makes of the values."""
    shop = make_shop("postgresql", orders=5)
    with psycopg.connect(shop.database_url) as connection:
        for key, (price, stock, day, hour, weight) in enumerate(
            [
                ("0.00", -1, "0001-01-01", "00:00:00", "1e300"),
                ("-5.10", 2147483647, "9999-12-31", "23:59:59.5", "-0.0"),
                ("99999999.99", 0, None, "10:00:00.000001", "NaN"),
            ],
            start=1,
        ):
            connection.execute(
                "UPDATE app_product SET price = %s, stock = %s, available_from = %s, order_before = %s,"
                " weight = %s WHERE id = %s",
                [price, stock, day, hour, weight, key],
            )
    expected = as_we_write_it(json.loads(shop.manage("dumpdata", "--all")))
    assert by_key(without_microseconds(without_link_tables(plain(dump(shop)[0])))) == by_key(expected)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("available_from", "infinity"),
        ("order_before", "24:00:00"),
        ("available_from", "10000-01-01"),
        ("available_from", "0044-03-15 BC"),
    ],
)
def test_values_unknown_to_python_stand_beside_the_fields(
    make_shop: Callable[..., Any], column: str, value: str
) -> None:
    """PostgreSQL knows the end of time; loaddata reads another value, and what is stored stands beside."""
    shop = make_shop("postgresql", orders=5)
    with psycopg.connect(shop.database_url) as connection:
        connection.execute(f"UPDATE app_product SET {column} = '{value}' WHERE id = 2")
    objects, summary = dump(shop)
    (product,) = (one for one in objects if one["model"] == "app.product" and one["pk"] == 2)
    assert {column: {"text": value}} == {
        name: form for name, form in product["stored"].items() if name == column
    }
    assert product["fields"][column] is None
    lost = summary["sent"]["app.Product"]["lost"]
    assert {"rows": 1, "keys": ["2"]} == lost[column]


def lose_rows_of_an_index(database: Path) -> None:
    """Damage an SQLite file as a bad disk does: an index, by which SQLite counts, lacks rows of its table."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("CREATE INDEX damaged ON app_heroslide (position)")
        entry = connection.execute(
            "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_master WHERE name = 'damaged'"
        ).fetchone()
        connection.execute("PRAGMA writable_schema = on")
        connection.execute("DELETE FROM sqlite_master WHERE name = 'damaged'")
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute(
            "INSERT INTO app_heroslide (title, image, video, position, starts_at)"
            " VALUES ('x', 'x', '', 9, '2025-01-01')"
        )
        connection.execute("PRAGMA writable_schema = on")
        connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", entry)
    with closing(sqlite3.connect(database)) as connection:
        (by_index,), (by_table,) = (
            connection.execute(f"SELECT count(*) FROM app_heroslide {how}").fetchone()
            for how in ("", "NOT INDEXED")
        )
    assert by_index + 1 == by_table


def test_rows_that_the_database_counts_otherwise_are_no_fixture(make_shop: Callable[..., Any]) -> None:
    """Where as many rows were read as the database does not count, nothing is said to be whole."""
    shop = make_shop("sqlite", orders=5)
    lose_rows_of_an_index(shop.data / "db.sqlite3")
    with pytest.raises(ShopError, match=r"app\.HeroSlide: \d+ rows were read, but the database counts \d+"):
        dump(shop)
