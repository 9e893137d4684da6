"""How long the shop's side waits for a lock that another process holds, and what it says then."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
import pytest

from storekeeper.errors import DatabaseUnavailable
from storekeeper.shop import Shop
from tests.actions.conftest import keep

# As the shop's side starts, with less patience; ``change`` comes before the first connection.
COUNT = """
from django.db import connection, connections, transaction
from storekeeper.shopside import patience
patience.LOCK_SECONDS = 0.5
patience.patient.__wrapped__.__kwdefaults__["lock_seconds"] = 0.5
patience.limit_waits()
{change}
def asked(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return str(cursor.fetchone()[0])
def locked():
    try:
        return asked("SELECT count(*) FROM app_order")
    except Exception as error:
        return " | ".join(patience.words_of_lock(error) or [repr(error)])
result = [{first}, {second}]
"""
POOLER = 'connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = True'


@pytest.mark.parametrize("change", ["", POOLER], ids=["session", "pooler"])
def test_no_question_waits_for_ever(make_shop: Callable[..., Any], change: str) -> None:
    """A locked table is named with the process that holds it, and how long it has done so."""
    shop = make_shop("postgresql", orders=2)
    with psycopg.connect(shop.database_url, application_name="migration") as connection:
        connection.execute("LOCK TABLE app_order")
        start = time.monotonic()
        told, _ = shop.evaluate(COUNT.format(change=change, first="locked()", second="0"))
        assert time.monotonic() - start < 30
        process = connection.info.backend_pid
    assert "a table is locked by another process, and was waited for" in told
    assert f"app_order by process {process} (migration, idle in transaction, for " in told
    assert "Try again when it has ended" in told


def test_setting_of_the_session_reaches_nobody_behind_a_pooler(make_shop: Callable[..., Any]) -> None:
    """There the limit ends with each transaction; elsewhere it is the session's."""
    shop = make_shop("postgresql", orders=2)
    inside = "patience.patient(connection).__enter__() or asked('SHOW lock_timeout')"
    show = {"first": "asked('SHOW lock_timeout')", "second": inside}
    assert shop.evaluate(COUNT.format(change="", **show)) == ["500ms", "500ms"]
    left = "asked('SELECT 1') and connection.execute_wrappers.clear() or asked('SHOW lock_timeout')"
    assert shop.evaluate(COUNT.format(change=POOLER, first=show["first"], second=left)) == ["500ms", "0"]


def test_locked_sqlite_says_so(make_shop: Callable[..., Any], tmp_path: Any) -> None:
    """A writer that holds the file longer than the shop's own timeout is told as such, to be tried again."""
    keeper = keep(make_shop("sqlite", orders=2), tmp_path / "state")
    path = keeper.shop.data / "db.sqlite3"
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as connection,
        Shop.of(keeper.config).talk() as conversation,
    ):
        conversation.ask("describe")
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(
            DatabaseUnavailable, match="SQLite database is locked by another process"
        ) as error:
            conversation.ask("count_rows", database="default")
    assert "Try again" in error.value.hint
