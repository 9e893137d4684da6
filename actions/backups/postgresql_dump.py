"""pg_dump and pg_restore: found, checked against the server, and run without a secret in their arguments."""

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from actions.backups.long_program import LONGEST_SECONDS, LongProgram
from actions.backups.raw.postgresql import postgresql_sums, sequences_of
from actions.backups.table_locks import lock_tables
from actions.backups.unreadable import Unreadable, find_unreadable
from storekeeper import processes
from storekeeper.backups import RawSums, RawTable, TableSum
from storekeeper.backups.table_names import table_name
from storekeeper.config import Config
from storekeeper.databases import DatabaseAddress, connect_postgresql
from storekeeper.databases.postgresql import require_direct
from storekeeper.errors import (
    ConfigurationError,
    DatabaseUnavailable,
    NotEnoughSpace,
    ProcessFailed,
    StorekeeperError,
)
from storekeeper.files import PartialFile

COMPRESS_LEVEL = 1
"""Of gzip, which every pg_restore reads. pg_dump's own level takes twice the time for a tenth less room."""
_LOCK_WAIT = "20s"
_SECRETS: Mapping[str, str] = {"password": "PGPASSWORD"}
_SERVER_AT_FAULT = (
    "connection to server",
    "server closed the connection",
    "terminating connection",
    "lock timeout",
    "did not end within",
)

_TABLES = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND n.nspname NOT LIKE 'pg_toast%' AND n.nspname NOT LIKE 'pg_temp%' AND c.relpersistence = 'p'
      AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY 1, 2
"""


def dump_postgresql(
    address: DatabaseAddress, *, config: Config, file: PartialFile, cancelled: Callable[[], bool]
) -> tuple[str, dict[str, TableSum], dict[str, str], RawSums]:
    """
    Write the database to ``file`` in pg_dump's own format; ``read_back`` must prove it.

    Return the server's version, the rows of each table, counted in the very snapshot that is dumped, while
    pg_dump is at work, and what is left out, with the reason. Raises ConfigurationError without a fitting
    pg_dump, DatabaseUnavailable, ProcessFailed.
    """
    program = find_program("pg_dump", config=config)

    def failed(code: int, words: str) -> Exception:
        if "No space left" in words:
            return OSError(errno.ENOSPC, "No space left on device")
        return failure_of(str(program), code=code, errors=words, address=address)

    with connect_postgresql(address, statement_seconds=LONGEST_SECONDS) as connection:
        require_direct(
            address, purpose="pg_dump, for a native backup,", behind_pooler=connection.behind_pooler
        )
        server = connection.info.server_version
        require_version(program, server=server)
        unreadable = find_unreadable(connection)
        known = _readable(_tables(connection), unreadable)
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with connection.transaction():
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'")
            # Before the snapshot: a table that is truncated or rewritten after it looks empty in it.
            lock_tables(connection, known, address=address)
            row = connection.execute("SELECT pg_export_snapshot()").fetchone()
            assert row is not None
            tables = _readable(_tables(connection), unreadable)
            lock_tables(
                connection,
                {name: table for name, table in tables.items() if name not in known},
                address=address,
            )
            # pg_dump reads them at some moment after this one.
            sequences = sequences_of(connection)
            dump = LongProgram(
                [
                    program,
                    "--format=custom",
                    f"--compress={COMPRESS_LEVEL}",
                    "--no-password",
                    f"--lock-wait-timeout={_LOCK_WAIT}",
                    f"--snapshot={row[0]}",
                    # To a file that it opens itself: over standard output it writes the table of contents
                    # a second time behind the data, where nobody notices when it is cut.
                    f"--file={file.path}",
                    "--no-sync",
                    *role_of(address),
                    *unreadable.arguments,
                    f"--dbname={conninfo(address)}",
                ],
                environment=secrets_of(address),
                cancelled=cancelled,
                failed=failed,
            )
            with dump:
                raw = {**postgresql_sums(connection, between=dump.check), "sequences": sequences}
                sums = RawSums.model_validate(raw)
                counts = _counted(connection, tables, known=sums.tables, between=dump.check)
                dump.wait()
    return f"postgresql {server // 10000}.{server % 10000}", counts, dict(unreadable.reasons), sums


def describe_schema(address: DatabaseAddress, *, config: Config, target: Path) -> None:
    """Write a dump of the database without its rows to ``target``; raises StorekeeperError."""
    program = find_program("pg_dump", config=config)
    with connect_postgresql(address, statement_seconds=LONGEST_SECONDS) as connection:
        require_direct(address, purpose="a native restore", behind_pooler=connection.behind_pooler)
        unreadable = find_unreadable(connection)
    try:
        processes.run(
            [
                program,
                "--format=custom",
                "--schema-only",
                "--no-password",
                f"--lock-wait-timeout={_LOCK_WAIT}",
                f"--file={target}",
                "--no-sync",
                *role_of(address),
                *unreadable.arguments,
                f"--dbname={conninfo(address)}",
            ],
            timeout_seconds=LONGEST_SECONDS,
            environment=secrets_of(address),
        )
    except ProcessFailed as error:
        raise failure_of(program.name, code=1, errors=error.message, address=address) from None


@contextmanager
def read_back(path: Path, *, config: Config, cancelled: Callable[[], bool]) -> Iterator[None]:
    """
    Let pg_restore read the dump from end to end while the body looks at the same file.

    Raises ProcessFailed at the end of the body for a dump that it cannot read.
    """
    program = find_program("pg_restore", config=config)

    def failed(code: int, words: str) -> Exception:
        return ProcessFailed(f"{program} ended with code {code}: {words}")

    # pg_restore --list is content with half a file; writing it all out is not.
    with LongProgram([program, f"--file={os.devnull}", path], cancelled=cancelled, failed=failed) as reader:
        yield
        reader.wait()


def failure_of(program: str, *, code: int, errors: str, address: DatabaseAddress) -> StorekeeperError:
    """Give the error for a program that failed: who is to blame, as its words tell."""
    if "No space left" in errors:
        return NotEnoughSpace(f"database {address.name} ({address.label}): its disk is full: {errors}")
    if any(words in errors for words in _SERVER_AT_FAULT):
        return DatabaseUnavailable(f"database {address.name} ({address.label}): {errors}")
    if "unsupported version" in errors:
        return ConfigurationError(
            f"{program} is too old for this backup: {errors}",
            hint="Install the postgresql-client of the server that it was made on, or set "
            "backups.postgresql_bin",
        )
    return ProcessFailed(f"{program} ended with code {code}: {errors}")


def count_rows(connection: "psycopg.Connection[tuple[object, ...]]") -> dict[str, TableSum]:
    """Give the rows of each table, by the name that it has in a manifest."""
    return _counted(connection, _readable(_tables(connection), find_unreadable(connection)))


def _tables(connection: "psycopg.Connection[tuple[object, ...]]") -> dict[str, sql.Identifier]:
    """Give each table by the name that it has in a manifest."""
    return {
        table_name(str(schema), str(table)): sql.Identifier(str(schema), str(table))
        for schema, table in connection.execute(_TABLES).fetchall()
    }


def _readable(tables: Mapping[str, sql.Identifier], unreadable: Unreadable) -> dict[str, sql.Identifier]:
    return {name: table for name, table in tables.items() if not unreadable.has(name)}


def _counted(
    connection: "psycopg.Connection[tuple[object, ...]]",
    tables: Mapping[str, sql.Identifier],
    *,
    known: Mapping[str, RawTable] = MappingProxyType({}),
    between: Callable[[], None] = lambda: None,
) -> dict[str, TableSum]:
    counts = {}
    for name, table in tables.items():
        if name in known:
            counts[name] = TableSum(rows=known[name].rows, checksum="", stored_as=name)
            continue
        between()
        row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(table)).fetchone()
        assert row is not None
        counts[name] = TableSum(rows=int(str(row[0])), checksum="")
    return counts


def find_program(name: str, *, config: Config) -> Path:
    """Give the path of a PostgreSQL program; raises ConfigurationError, naming the package."""
    folder = config.backups.postgresql_bin
    found = shutil.which(name, path=str(folder) if folder else None)
    if found is None:
        raise ConfigurationError(
            f"there is no {name} in {folder or 'PATH'}: a native backup of PostgreSQL needs it",
            hint="Debian and Ubuntu: apt-get install postgresql-client; or set backups.postgresql_bin, "
            "or use --format=json",
        )
    return Path(found)


def require_version(program: Path, *, server: int) -> None:
    """Raise ConfigurationError for a program older than the server's version (as 180003)."""
    words = processes.run([program, "--version"], timeout_seconds=30).decode("utf-8", "replace")
    found = re.search(r"(\d+)", words)
    if found is None or int(found[1]) < server // 10000:
        raise ConfigurationError(
            f"{program} has version {found[1] if found else words.strip()}, the server {server // 10000}",
            hint=f"Install postgresql-client-{server // 10000}, or set backups.postgresql_bin to its folder",
        )


def conninfo(address: DatabaseAddress) -> str:
    """Give the address for the arguments, which every user of the machine can read: without secrets."""
    return make_conninfo(
        "", **{key: value for key, value in address.parameters.items() if key not in _SECRETS}
    )


def role_of(address: DatabaseAddress) -> list[str]:
    """Return the argument that lets PostgreSQL's programs work as the role that the shop assumes."""
    return [f"--role={address.role}"] if address.role else []


def secrets_of(address: DatabaseAddress) -> dict[str, str]:
    """Give what the address keeps secret, for the environment of a program."""
    return {
        variable: address.parameters[key] for key, variable in _SECRETS.items() if address.parameters.get(key)
    }
