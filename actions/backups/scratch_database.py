"""A fresh, empty database to try a restore in; it is gone afterwards, whatever happened."""

import secrets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from storekeeper.databases import DatabaseAddress, Engine
from storekeeper.errors import BackupRefused, DatabaseUnavailable
from storekeeper.files import require_free_bytes
from storekeeper.files.private import make_private_folder
from storekeeper.shopside.scratch import PREFIX

# Those of this process: several databases of a shop may be tried at once.
_in_use: set[str] = set()
_DROP_AGAIN_SECONDS = (0.1, 0.5, 1, 2, 4)


@contextmanager
def scratch_database(
    live: DatabaseAddress, *, folder: Path, needed_bytes: int, shop: str
) -> Iterator[DatabaseAddress]:
    """
    Give the address of an empty database of the same kind as ``live``, beside it or in ``folder``.

    SQLite: a file in ``folder``, which must have room for ``needed_bytes``. PostgreSQL: a database on the
    same server; the user needs the right to create one. Raises StorekeeperError.
    """
    name = f"{PREFIX}{shop.lower()[:24]}_{secrets.token_hex(6)}"
    _in_use.add(name)
    try:
        with _scratch(live, folder=folder, name=name, needed_bytes=needed_bytes, shop=shop) as address:
            yield address
    finally:
        _in_use.discard(name)


@contextmanager
def _scratch(
    live: DatabaseAddress, *, folder: Path, name: str, needed_bytes: int, shop: str
) -> Iterator[DatabaseAddress]:
    if live.engine is Engine.SQLITE:
        with _sqlite_file(live, folder=folder, name=name, needed_bytes=needed_bytes) as address:
            yield address
        return
    if live.parameters.get("dbname") == name:
        raise BackupRefused(f"the live database is called {name}")
    with closing(_connect(live)) as server:
        _assume(server, role=live.role)
        _drop_leftovers(server, shop=shop)
        try:
            _create(server, name, role=live.role)
        except psycopg.errors.InsufficientPrivilege:
            user = live.parameters.get("user", "its user")
            raise BackupRefused(
                f"database {live.name}: {user} may not create a scratch database to try a restore in",
                hint=f'As a superuser: ALTER ROLE "{user}" CREATEDB; or name a server where it may, in the'
                " config: backups: {verify_on: {url_file: FILE}}",
            ) from None
        except psycopg.Error as error:
            raise DatabaseUnavailable(f"database {live.name}: no scratch database: {error}") from None
        try:
            yield replace(live, parameters={**live.parameters, "dbname": name})
        finally:
            _drop(server, name, role=live.role)


@contextmanager
def _sqlite_file(
    live: DatabaseAddress, *, folder: Path, name: str, needed_bytes: int
) -> Iterator[DatabaseAddress]:
    make_private_folder(folder)
    for leftover in folder.glob(f"{PREFIX}*"):
        if leftover.name.partition(".")[0] not in _in_use:
            leftover.unlink(missing_ok=True)
    require_free_bytes(folder, needed_bytes=needed_bytes, purpose="a trial restore")
    path = folder / f"{name}.sqlite3"
    path.touch(mode=0o600)
    try:
        yield replace(live, path=path)
    finally:
        for leftover in folder.glob(f"{name}*"):
            leftover.unlink(missing_ok=True)


def _connect(live: DatabaseAddress) -> "psycopg.Connection[tuple[object, ...]]":
    """Enter the live database, for CREATE and DROP DATABASE alone."""
    try:
        conninfo = make_conninfo("", **live.parameters)
        return psycopg.connect(
            conninfo,
            application_name="storekeeper",
            connect_timeout=5,
            autocommit=True,
            # A pooler may give each statement another server process.
            prepare_threshold=None,
        )
    except psycopg.Error as error:
        words = str(error).strip().replace(live.parameters.get("password") or "\0", "…")
        raise DatabaseUnavailable(f"database {live.name} ({live.label}): {words}") from None


def _create(server: "psycopg.Connection[tuple[object, ...]]", name: str, *, role: str) -> None:
    """Create the database for the role that the shop assumes; the login or that role must have the right."""
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    try:
        server.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        if not role:
            raise
        server.execute("RESET ROLE")
        server.execute(statement + sql.SQL(" OWNER {}").format(sql.Identifier(role)))
        _assume(server, role=role)


def _assume(server: "psycopg.Connection[tuple[object, ...]]", *, role: str) -> None:
    if role:
        server.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))


def _drop_leftovers(server: "psycopg.Connection[tuple[object, ...]]", *, shop: str) -> None:
    """Drop what a killed run left; the caller holds the lock on trial restores."""
    prefix = f"{PREFIX}{shop.lower()[:24]}_"
    rows = server.execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname::text, %s)"
        " AND pg_has_role(datdba, 'MEMBER')",
        [prefix],
    ).fetchall()
    for row in rows:
        # One that somebody is connected to stays.
        if row[0] in _in_use:
            continue
        with suppress(psycopg.Error):
            server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(str(row[0]))))


def _drop(server: "psycopg.Connection[tuple[object, ...]]", name: str, *, role: str) -> None:
    if not name.startswith(PREFIX):
        raise BackupRefused(f"{name} is not a scratch database and is not dropped")
    statement = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
    if not role and server.info.server_version >= 130000:
        server.execute(statement + sql.SQL(" WITH (FORCE)"))
        return
    # A role that was assumed may not end the sessions of the login, which are about to end by themselves.
    for wait_seconds in _DROP_AGAIN_SECONDS:
        try:
            server.execute(statement)
        except psycopg.errors.ObjectInUse:
            time.sleep(wait_seconds)
        else:
            return
    server.execute(statement)
