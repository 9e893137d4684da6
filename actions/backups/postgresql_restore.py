"""Restore a dump over what a PostgreSQL database holds, in one transaction that ends well or not at all."""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from psycopg import sql

from actions.backups.postgresql_dump import conninfo, failure_of, find_program, require_version, secrets_of
from storekeeper import processes
from storekeeper.backups import Manifest, TableSum
from storekeeper.config import Config
from storekeeper.databases import DatabaseAddress, connect_postgresql
from storekeeper.errors import BackupRefused

_LOCK_TIMEOUT = "60s"
_CHUNK_BYTES = 1 << 20

# Everything of the shop's goes; extensions and what belongs to them stay, since only a superuser could make
# them again. Tables go first: what hangs on them goes along.
_EMPTY = """
DO $storekeeper$
DECLARE one record;
BEGIN
  FOR one IN
    SELECT n.nspname FROM pg_catalog.pg_namespace n
    WHERE n.nspname NOT IN ('public', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extnamespace = n.oid)
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = n.oid AND d.deptype = 'e')
  LOOP
    EXECUTE pg_catalog.format('DROP SCHEMA %I CASCADE', one.nspname);
  END LOOP;
  FOR one IN
    SELECT n.nspname, c.relname,
      CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
        WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END AS word
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
      AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
    ORDER BY c.relkind NOT IN ('r', 'p'), c.relkind = 'S'
  LOOP
    EXECUTE pg_catalog.format('DROP %s IF EXISTS %I.%I CASCADE', one.word, one.nspname, one.relname);
  END LOOP;
  FOR one IN
    SELECT p.oid FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
  LOOP
    IF EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.oid = one.oid) THEN
      EXECUTE 'DROP ROUTINE ' || one.oid::pg_catalog.regprocedure::text || ' CASCADE';
    END IF;
  END LOOP;
  FOR one IN
    SELECT n.nspname, t.typname FROM pg_catalog.pg_type t
    JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    WHERE t.typtype IN ('e', 'd', 'r') AND n.nspname <> 'information_schema'
      AND n.nspname NOT LIKE 'pg\\_%'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e')
  LOOP
    EXECUTE pg_catalog.format('DROP TYPE IF EXISTS %I.%I CASCADE', one.nspname, one.typname);
  END LOOP;
END
$storekeeper$;
"""


def require_fitting_server(manifest: Manifest, *, address: DatabaseAddress, config: Config) -> None:
    """Raise BackupRefused for a server older than the dump's, ConfigurationError for such programs."""
    made = int((re.search(r"\d+", manifest.server) or ["0"])[0])
    with connect_postgresql(address) as connection:
        found = connection.info.server_version // 10000
    if found < made:
        raise BackupRefused(
            f"{manifest.file} was made by PostgreSQL {made}, the database {address.name} is one of {found}",
            hint="Restore it into a server that is at least as new, or restore a JSON backup",
        )
    for name in ("pg_restore", "psql"):
        require_version(find_program(name, config=config), server=max(found, made) * 10000)


def replace_postgresql(
    path: Path,
    *,
    address: DatabaseAddress,
    config: Config,
    expected: Mapping[str, TableSum],
    cancelled: Callable[[], bool],
) -> None:
    """
    Empty the database and restore the dump; the numbers of rows are compared before the commit.

    The transaction is committed only when pg_restore has come to its end. Raises StorekeeperError, and the
    database is then as it was.
    """
    with tempfile.TemporaryFile() as reader_errors, tempfile.TemporaryFile() as errors:
        reader = processes.start(
            [find_program("pg_restore", config=config), "--file=-", "--no-owner", "--no-privileges", path],
            output=subprocess.PIPE,
            errors=reader_errors,
            own_group=True,
        )
        writer = processes.start(
            [
                find_program("psql", config=config),
                "--no-psqlrc",
                "--quiet",
                "--no-password",
                f"--output={os.devnull}",
                "--set=ON_ERROR_STOP=1",
                f"--dbname={conninfo(address)}",
            ],
            environment=secrets_of(address),
            errors=errors,
            piped=True,
            own_group=True,
        )
        assert reader.stdout and writer.stdin and writer.stdout
        try:
            # psql that has ended with an error no longer listens; its words are read below.
            with suppress(BrokenPipeError):
                writer.stdin.write(_begin().encode())
                while data := reader.stdout.read(_CHUNK_BYTES):
                    if cancelled():
                        raise BackupRefused("cancelled; the database is as it was")
                    writer.stdin.write(data)
                if reader.wait() == 0:
                    writer.stdin.write("".join(_end(expected)).encode())
                    writer.stdin.flush()
            if reader.poll():
                # Without COMMIT the server undoes everything.
                writer.kill()
                words = _words(reader_errors)
                raise failure_of("pg_restore", code=reader.returncode, errors=words, address=address)
            with suppress(BrokenPipeError):
                writer.stdin.close()
            if code := writer.wait():
                raise failure_of("psql", code=code, errors=_words(errors), address=address)
        finally:
            for process in (reader, writer):
                if process.poll() is None:
                    process.kill()
                process.wait()
            reader.stdout.close()
            writer.stdout.close()
            with suppress(BrokenPipeError):
                writer.stdin.close()


def _begin() -> str:
    return f"BEGIN;\nSET LOCAL lock_timeout = '{_LOCK_TIMEOUT}';\nSET LOCAL statement_timeout = 0;\n{_EMPTY}"


def _end(expected: Mapping[str, TableSum]) -> Iterator[str]:
    for name, table in expected.items():
        schema, _, last = name.rpartition(".")
        found = sql.Identifier(schema or "public", last).as_string(None)
        message = sql.Literal(f"table {name} has other rows than the backup says").as_string(None)
        yield (
            f"DO $storekeeper$ BEGIN IF (SELECT count(*) FROM {found}) <> {table.rows} THEN "
            f"RAISE EXCEPTION USING MESSAGE = {message}; END IF; END $storekeeper$;\n"
        )
    yield "COMMIT;\n"


def _words(errors: IO[bytes]) -> str:
    errors.seek(0)
    return processes.last_words(errors.read())
