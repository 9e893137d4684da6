"""Dumps of PostgreSQL: one moment for pg_dump and for the counts beside it, and read back to the end."""

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from actions.backups import postgresql_dump
from actions.backups.postgresql_dump import dump_postgresql, find_program, read_back
from actions.scope import databases_of
from storekeeper.databases import DatabaseAddress
from storekeeper.errors import BackupRefused, DatabaseUnavailable, ProcessFailed
from storekeeper.files import PartialFile


@pytest.fixture
def kept(keeper: Callable[..., Any]) -> Any:
    """A shop on PostgreSQL."""
    return keeper("postgresql", orders=20)


@pytest.fixture
def address(kept: Any) -> DatabaseAddress:
    """The address of its database."""
    (database,) = databases_of(kept.config, description=kept.context().shop.describe())
    return database.address


def connect(address: DatabaseAddress) -> "psycopg.Connection[Any]":
    """Enter the database to change it."""
    return psycopg.connect(**address.parameters, autocommit=True)  # type: ignore[arg-type]


def rows_in(dump: Path, *, table: str, kept: Any) -> int:
    """Give the rows that a dump holds of a table, by pg_restore's own words."""
    program = find_program("pg_restore", config=kept.config)
    words = subprocess.run(
        [program, "--data-only", f"--table={table}", "--file=-", dump], check=True, capture_output=True
    ).stdout.decode()
    _, _, copied = words.partition("FROM stdin;\n")
    return len(copied.partition("\\.\n")[0].splitlines())


def test_counts_are_of_the_moment_that_is_dumped(kept: Any, address: DatabaseAddress, tmp_path: Path) -> None:
    """A customer who comes before pg_dump looks, and before we count, is neither in the dump nor counted."""
    came = tmp_path / "came"
    # pg_dump itself, which looks into the database only when the customer is in.
    real = find_program("pg_dump", config=kept.config)
    slow = tmp_path / "programs" / "pg_dump"
    slow.parent.mkdir()
    slow.write_text(
        f"#!/bin/sh\n"
        f'[ "$1" = --version ] || until [ -e {shlex.quote(str(came))} ]; do sleep 0.05; done\n'
        f'exec {shlex.quote(str(real))} "$@"\n'
    )
    slow.chmod(0o700)
    backups = kept.config.backups.model_copy(update={"postgresql_bin": slow.parent})

    def comes() -> bool:
        if not came.exists():
            with connect(address) as connection:
                connection.execute("INSERT INTO app_counter (name, value) VALUES ('late', 1)")
            came.touch()
        return False

    with PartialFile(tmp_path / "a.dump") as file:
        config = kept.config.model_copy(update={"backups": backups})
        _, tables, *_ = dump_postgresql(address, config=config, file=file, cancelled=comes)
        dumped = rows_in(file.path, table="app_counter", kept=kept)
    with connect(address) as connection:
        now = connection.execute("SELECT count(*) FROM app_counter").fetchone()
    assert now == (dumped + 1,)
    assert tables["app_counter"].rows == dumped


def test_no_table_can_be_emptied_between_count_and_dump(
    kept: Any, address: DatabaseAddress, tmp_path: Path
) -> None:
    """TRUNCATE heeds no snapshot, so it has to wait for the end of the backup."""
    refused = []

    def empty() -> bool:
        with connect(address) as connection:
            connection.execute("SET lock_timeout = '50ms'")
            try:
                connection.execute("TRUNCATE app_order CASCADE")
            except psycopg.errors.LockNotAvailable as error:
                refused.append(error)
        return False

    with PartialFile(tmp_path / "a.dump") as file:
        _, tables, *_ = dump_postgresql(address, config=kept.config, file=file, cancelled=empty)
        dumped = rows_in(file.path, table="app_order", kept=kept)
    assert refused
    assert (tables["app_order"].rows, dumped) == (20, 20)


def test_locked_table_is_named(
    kept: Any, address: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that stays locked ends the dump with its name and that of the process which holds it."""
    monkeypatch.setattr(postgresql_dump, "_LOCK_WAIT", "300ms")
    with connect(address) as connection, connection.transaction():
        connection.execute("LOCK TABLE app_order")
        held = rf"table app_order is locked by process {connection.info.backend_pid} \(.*idle in transaction"
        with PartialFile(tmp_path / "a.dump") as file, pytest.raises(DatabaseUnavailable, match=held):
            dump_postgresql(address, config=kept.config, file=file, cancelled=lambda: False)


def test_pg_dump_is_ended_when_the_run_is_cancelled(
    kept: Any, address: DatabaseAddress, tmp_path: Path
) -> None:
    """A person's word is heard while tables are counted, and no program goes on behind our back."""
    with (
        PartialFile(tmp_path / "a.dump") as file,
        pytest.raises(BackupRefused, match="cancelled"),
    ):
        dump_postgresql(address, config=kept.config, file=file, cancelled=lambda: True)
    with connect(address) as connection:
        connected = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name IN ('pg_dump', 'storekeeper')"
        ).fetchone()
    assert connected == (0,)


@pytest.mark.parametrize("share", [0.5, 0.999])
def test_dump_that_was_cut_is_not_read_back(
    kept: Any, address: DatabaseAddress, tmp_path: Path, share: float
) -> None:
    """Half a dump, and one that lacks its last bytes, fail when pg_restore comes to their end."""
    with PartialFile(tmp_path / "a.dump") as file:
        dump_postgresql(address, config=kept.config, file=file, cancelled=lambda: False)
        with read_back(file.path, config=kept.config, cancelled=lambda: False):
            pass
        with file.path.open("r+b") as stream:
            stream.truncate(int(file.path.stat().st_size * share))
        with (
            pytest.raises(ProcessFailed, match="pg_restore ended with code 1"),
            read_back(file.path, config=kept.config, cancelled=lambda: False),
        ):
            pass
