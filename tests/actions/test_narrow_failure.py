"""One row or file that cannot be removed stays and is named; everything else goes."""

import datetime as dt
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from actions.cleanup_expired_qr_codes import CleanupExpiredQrCodes
from actions.cleanup_orphaned_media import CleanupOrphanedMedia
from storekeeper.errors import StorekeeperError

QR_CODES = CleanupExpiredQrCodes()
BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"])

EXPIRE = """
import datetime
from django.db import connection
from django.utils import timezone
from app.models import OrderQRCode
OrderQRCode.objects.update(expires_at=timezone.now() - datetime.timedelta(days=9))
keys = list(OrderQRCode.objects.order_by("pk").values_list("pk", flat=True))
names = dict(OrderQRCode.objects.values_list("pk", "qr_code_image"))
with connection.cursor() as cursor:
    for statement in {statements!r}:
        cursor.execute(statement.replace("THE_KEY", repr(keys[7])))
result = [[str(key), names[key]] for key in keys]
"""
LEFT = """
from app.models import OrderQRCode
result = [str(key) for key in OrderQRCode.objects.values_list("pk", flat=True)]
"""


@pytest.fixture
def refuse() -> Iterator[Callable[[Path], None]]:
    """``refuse(path)``: the system refuses to remove or move this file."""
    marked: list[tuple[Path, int | None]] = []

    def mark(path: Path) -> None:
        if os.geteuid() == 0:
            subprocess.run(["chattr", "+i", path], check=True)
            marked.append((path, None))
        else:
            marked.append((path.parent, path.parent.stat().st_mode))
            path.parent.chmod(0o555)

    yield mark
    for path, mode in marked:
        if mode is None:
            subprocess.run(["chattr", "-i", path], check=True)
        else:
            path.chmod(mode)


@pytest.fixture
def make(make_keeper: Callable[..., Any]) -> Callable[..., Any]:
    """``make(database, statements)``: a shop of 40 expired codes, after these statements."""

    def prepare(database: str, statements: list[str]) -> tuple[Any, list[list[str]]]:
        keeper = make_keeper(database, orders=40, more="budget: {files: 1, bytes: 1}")
        return keeper, keeper.shop.evaluate(EXPIRE.format(statements=statements))

    return prepare


def check_one_left(keeper: Any, codes: list[list[str]], *words: str) -> None:
    """Run twice; the eighth code alone is left with its file, and is named with the reason each time."""
    key, name = codes[7]
    for _ in range(2):
        _, outcome = keeper.run(QR_CODES, days=7)
        assert keeper.shop.evaluate(LEFT) == [key]
        assert (keeper.media / name).is_file()
        assert "NOT removed, and left: app_orderqrcode row" in outcome.summary
        for word in (key, *words):
            assert word in outcome.summary
        assert outcome.details["not_removed_count"] == 1
        assert outcome.details["left_rows"] == 0
    others = {other for _, other in codes} - {name}
    assert not others & keeper.files()


FOREIGN_KEY = "CREATE TABLE old_ledger (code {kind} REFERENCES app_orderqrcode (id) {when})"


@BOTH
@pytest.mark.parametrize(
    "when", ["DEFERRABLE INITIALLY DEFERRED", pytest.param("", marks=pytest.mark.thorough)]
)
def test_foreign_key_that_django_does_not_know(database: str, when: str, make: Callable[..., Any]) -> None:
    """It may speak at the end of the transaction alone."""
    keeper, codes = make(database, [])
    kind = keeper.shop.evaluate(
        "from app.models import OrderQRCode\nfrom django.db import connection\n"
        "result = OrderQRCode._meta.pk.rel_db_type(connection)"
    )
    statements = [
        FOREIGN_KEY.format(kind=kind, when=when),
        "INSERT INTO old_ledger SELECT id FROM app_orderqrcode WHERE id = THE_KEY",
    ]
    codes = keeper.shop.evaluate(EXPIRE.format(statements=statements))
    check_one_left(keeper, codes, "IntegrityError")


TRIGGERS = {
    "sqlite": [
        "CREATE TRIGGER keep BEFORE DELETE ON app_orderqrcode WHEN OLD.id = THE_KEY"
        " BEGIN SELECT RAISE(ABORT, 'the tax office wants it'); END"
    ],
    "postgresql": [
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'the tax office wants it'; END $$",
        "CREATE TRIGGER keep BEFORE DELETE ON app_orderqrcode FOR EACH ROW WHEN (OLD.id = THE_KEY)"
        " EXECUTE FUNCTION keep()",
    ],
}


@BOTH
def test_trigger_that_raises(database: str, make: Callable[..., Any]) -> None:
    """Its words are told."""
    keeper, codes = make(database, TRIGGERS[database])
    check_one_left(keeper, codes, "the tax office wants it")


SILENT = [
    "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
    "CREATE TRIGGER keep BEFORE DELETE ON app_orderqrcode FOR EACH ROW WHEN (OLD.id = THE_KEY)"
    " EXECUTE FUNCTION keep()",
]


def test_trigger_that_keeps_a_row_without_a_word(make: Callable[..., Any]) -> None:
    """The row is not counted as removed."""
    keeper, codes = make("postgresql", SILENT)
    check_one_left(keeper, codes, "the database kept it")


def test_row_that_another_transaction_holds(make: Callable[..., Any]) -> None:
    """It is not waited for."""
    keeper, codes = make("postgresql", [])
    with psycopg.connect(keeper.shop.database_url) as connection:
        connection.execute("SELECT 1 FROM app_orderqrcode WHERE id = %s FOR UPDATE", [codes[7][0]])
        check_one_left(keeper, codes, "another transaction holds it")


HANDLER = """

from django.db.models.signals import {signal}

def refuse(sender, instance, **more):
    if str(instance.pk) == {key!r}:
        raise {error}("the warehouse has it")

{signal}.connect(refuse, sender=OrderQRCode)
"""


@pytest.mark.parametrize(
    ("signal", "error"),
    [("pre_delete", "RuntimeError"), pytest.param("post_delete", "KeyError", marks=pytest.mark.thorough)],
)
def test_handler_that_raises(signal: str, error: str, make_keeper: Callable[..., Any]) -> None:
    """A handler of the shop stops its own row alone."""
    keeper = make_keeper(orders=40, more="budget: {files: 1, bytes: 1}", copied=True)
    codes = keeper.shop.evaluate(EXPIRE.format(statements=[]))
    models = keeper.shop.project / "app" / "models.py"
    models.write_text(models.read_text() + HANDLER.format(signal=signal, error=error, key=codes[7][0]))
    check_one_left(keeper, codes, f"{error}: ", "the warehouse has it")


def test_whole_table_that_refuses_is_left_soon(make: Callable[..., Any]) -> None:
    """The first ones are named, the rest counted."""
    statements = [statement.replace(" WHEN OLD.id = THE_KEY", "") for statement in TRIGGERS["sqlite"]]
    keeper, codes = make("sqlite", statements)
    _, outcome = keeper.run(QR_CODES, days=7)
    assert outcome.details["not_removed_count"] == len(codes)
    assert f"and {len(codes) - 3} more" in outcome.summary


def test_database_that_goes_away_is_no_rows_fault(make: Callable[..., Any]) -> None:
    """The run fails, to be tried again, and no row is blamed."""
    keeper, _ = make("postgresql", [])
    plan = keeper.plan(QR_CODES, days=7)
    end = [
        "CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN OLD; END $$",
        "CREATE TRIGGER leave BEFORE DELETE ON app_orderqrcode FOR EACH ROW EXECUTE FUNCTION leave()",
    ]
    keeper.shop.evaluate(EXPIRE.format(statements=end))
    with pytest.raises(StorekeeperError) as error:
        QR_CODES.perform(keeper.context(), QR_CODES.Options(days=7), plan)
    assert not error.value.permanent


@pytest.fixture
def stuck(make_keeper: Callable[..., Any], refuse: Callable[[Path], None]) -> tuple[Any, Path]:
    """A shop with an old tracking code and an orphan that the system does not let go, each beside another."""
    keeper = make_keeper(orders=2)
    for name in ("qr_codes/tracking_qr_{}.png", "products/orphan_{}.jpg"):
        for which in ("goes", "stays", os.fsdecode(b"\xff")):
            keeper.write(name.format(which), days=30)
    keeper.now = lambda: dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=2)
    for name in ("qr_codes/tracking_qr_stays.png", "products/orphan_stays.jpg"):
        refuse(keeper.media / name)
    return keeper, keeper.media


def test_file_that_cannot_be_removed(stuck: tuple[Any, Path]) -> None:
    """The others go, and it is named with the system's own word."""
    keeper, media = stuck
    _, outcome = keeper.run(QR_CODES, days=7)
    assert "NOT removed, and left: " in outcome.summary
    assert f"{media.resolve() / 'qr_codes/tracking_qr_stays.png'} (" in outcome.summary
    assert {name for name in keeper.files() if "tracking_qr_" in name and not name[-9:-4].isdigit()} >= {
        "qr_codes/tracking_qr_stays.png"
    }
    assert (
        not {"qr_codes/tracking_qr_goes.png", os.fsdecode(b"qr_codes/tracking_qr_\xff.png")} & keeper.files()
    )


def test_orphan_that_cannot_be_moved(stuck: tuple[Any, Path]) -> None:
    """Its neighbours move, also one whose name is no UTF-8."""
    keeper, _ = stuck
    _, outcome = keeper.run(CleanupOrphanedMedia())
    assert "NOT removed, and left: products/orphan_stays.jpg (" in outcome.summary
    assert {name for name in keeper.files() if "orphan_" in name} == {"products/orphan_stays.jpg"}
    assert outcome.details["moved"] == 2
    assert outcome.details["left"] == 0
