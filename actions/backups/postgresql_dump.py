"""pg_dump and pg_restore: found, checked against the server, and run without a secret in their arguments."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from actions.backups.damage import NotProved
from storekeeper import processes
from storekeeper.backups import TableSum
from storekeeper.config import Config
from storekeeper.databases import DatabaseAddress, connect_postgresql
from storekeeper.errors import (
    BackupRefused,
    ConfigurationError,
    DatabaseUnavailable,
    NotEnoughSpace,
    ProcessFailed,
    StorekeeperError,
)
from storekeeper.files import PartialFile

# A dump that needs longer than this is not coming.
_LONGEST_SECONDS = 6 * 3600.0
_LOCK_WAIT = "60s"
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
    ORDER BY 1, 2
"""


def dump_postgresql(
    address: DatabaseAddress, *, config: Config, file: PartialFile, cancelled: Callable[[], bool]
) -> tuple[str, dict[str, TableSum]]:
    """
    Write the database to ``file`` in pg_dump's own format and read it back with pg_restore.

    Gives the server's version, and the rows of each table, counted in the very snapshot that was
    dumped. Raises ConfigurationError without a fitting pg_dump, DatabaseUnavailable, ProcessFailed.
    """
    program = find_program("pg_dump", config=config)
    with connect_postgresql(address, timeout_seconds=_LONGEST_SECONDS) as connection:
        server = connection.info.server_version
        require_version(program, server=server)
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            row = connection.execute("SELECT pg_export_snapshot()").fetchone()
            assert row is not None
            tables = count_rows(connection)
            run_program(
                [
                    program,
                    "--format=custom",
                    "--no-password",
                    f"--lock-wait-timeout={_LOCK_WAIT}",
                    f"--snapshot={row[0]}",
                    # To a file that it opens itself: over standard output it writes the table of contents
                    # a second time behind the data, where nobody notices when it is cut.
                    f"--file={file.path}",
                    "--no-sync",
                    f"--dbname={conninfo(address)}",
                ],
                address=address,
                cancelled=cancelled,
            )
    # pg_restore --list is content with half a file; writing it all out is not.
    processes.run(
        [find_program("pg_restore", config=config), f"--file={os.devnull}", file.path],
        timeout_seconds=_LONGEST_SECONDS,
    )
    return f"postgresql {server // 10000}.{server % 10000}", tables


def restore_postgresql(path: Path, *, address: DatabaseAddress, config: Config) -> None:
    """
    Restore a dump into the empty database at ``address``, all of it or nothing.

    Raises NotProved where the dump is to blame, another StorekeeperError where server or programs are.
    """
    program = find_program("pg_restore", config=config)
    try:
        processes.run(
            [
                program,
                "--exit-on-error",
                "--single-transaction",
                "--no-owner",
                "--no-privileges",
                "--no-password",
                f"--dbname={conninfo(address)}",
                path,
            ],
            timeout_seconds=_LONGEST_SECONDS,
            environment=secrets_of(address),
        )
    except ProcessFailed as error:
        failure = failure_of(program.name, code=1, errors=error.message, address=address)
        if isinstance(failure, ProcessFailed):
            raise NotProved(f"{path.name} cannot be restored: {error.message}") from None
        raise failure from None


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
    """Give the rows of each table, named ``schema.table`` outside of ``public``."""
    counts = {}
    for schema, table in connection.execute(_TABLES).fetchall():
        row = connection.execute(
            sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(str(schema), str(table)))
        ).fetchone()
        assert row is not None
        name = str(table) if schema == "public" else f"{schema}.{table}"
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


def run_program(
    arguments: list[str | Path],
    *,
    address: DatabaseAddress,
    cancelled: Callable[[], bool],
) -> None:
    """Run a program that may take hours; raises a StorekeeperError, BackupRefused when cancelled."""
    with tempfile.TemporaryFile() as errors:
        process = processes.start(
            arguments,
            environment=secrets_of(address),
            output=subprocess.DEVNULL,
            errors=errors,
            own_group=True,
        )
        started = time.monotonic()
        try:
            while True:
                try:
                    code = process.wait(timeout=0.2)
                    break
                except subprocess.TimeoutExpired:
                    if cancelled():
                        raise BackupRefused("cancelled; no file was made") from None
                    if time.monotonic() - started > _LONGEST_SECONDS:
                        raise ProcessFailed(f"{arguments[0]} did not end in time") from None
        finally:
            processes.stop(process)
        if code:
            errors.seek(0)
            words = processes.last_words(errors.read())
            if "No space left" in words:
                raise OSError(28, "No space left on device")
            raise failure_of(str(arguments[0]), code=code, errors=words, address=address)


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


def secrets_of(address: DatabaseAddress) -> dict[str, str]:
    """Give what the address keeps secret, for the environment of a program."""
    return {
        variable: address.parameters[key] for key, variable in _SECRETS.items() if address.parameters.get(key)
    }
