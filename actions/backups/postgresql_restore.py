"""Restore a dump over what a PostgreSQL database holds, in one transaction that ends well or not at all."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from psycopg import sql

from actions.backups.archive_contents import Entry, read_contents
from actions.backups.damage import NotProved
from actions.backups.emptying import emptying
from actions.backups.postgresql_dump import failure_of, find_program, require_version
from actions.backups.postgresql_plan import RestorePlan, plan_restore
from actions.backups.postgresql_script import PRIVILEGE, Psql
from storekeeper.backups import Manifest, TableSum
from storekeeper.backups.table_names import table_of
from storekeeper.config import Config
from storekeeper.databases import DatabaseAddress, connect_postgresql
from storekeeper.databases.postgresql import require_direct
from storekeeper.errors import BackupRefused, ProcessFailed

_LOCK_TIMEOUT: Final = "60s"
_TABLES: Final = """
    SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r'
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
) -> tuple[str, ...]:
    """
    Empty the database and restore the dump; the numbers of rows are compared before the commit.

    Return what an operator has to know: what stays as it was, and each grant that was refused. The
    transaction is committed only when pg_restore has come to its end. Raises StorekeeperError, and the
    database is then as it was.
    """
    plan = plan_restore(path, address=address, config=config)
    role = _role(address)
    psql = Psql(address=address, config=config, cancelled=cancelled)
    with psql.running():
        psql.write(
            f"BEGIN;\nSET LOCAL lock_timeout = '{_LOCK_TIMEOUT}';\nSET LOCAL statement_timeout = 0;\n"
            f"SET LOCAL client_min_messages = warning;\nSET LOCAL storekeeper.restore = 'open';\n{role}"
        )
        psql.write(emptying(plan.dropped, going=plan.going, staying=plan.staying))
        psql.write("".join(plan.deletes))
        psql.restore(path, entries=plan.entries, owners=plan.owners, privileges=True, role=role)
        psql.write("".join(_end(expected, plan=plan)))
    return (*plan.notes, *(f"a grant was refused: {words}" for _, words in psql.refused))


def restore_postgresql(path: Path, *, address: DatabaseAddress, config: Config) -> tuple[str, ...]:
    """
    Restore a dump into the empty scratch database at ``address``, all of it or nothing.

    Owners and grants are left away. Return what the role may not create, and so was not tried. Raises
    NotProved where the dump is to blame, another StorekeeperError where server, rights or programs are.
    """
    role = _role(address)
    psql = Psql(address=address, config=config)
    not_tried: list[str] = []
    try:
        entries = read_contents(path, roles=(), config=config)
        tried, not_tried = _creatable(entries, address=address)
        with psql.running():
            psql.write(f"BEGIN;\nSET LOCAL client_min_messages = warning;\n{role}")
            psql.restore(path, entries=tried, owners=False, privileges=False, tolerant=True, role=role)
            psql.write("COMMIT;\n")
    except ProcessFailed as error:
        failure = failure_of("pg_restore", code=1, errors=error.message, address=address)
        if not isinstance(failure, ProcessFailed):
            raise failure from None
        psql.refused.append(("", error.message))
    not_tried += [words for code, words in psql.refused if code == PRIVILEGE]
    broken = [words for code, words in psql.refused if code != PRIVILEGE]
    if broken and not_tried:
        raise BackupRefused(
            f"{path.name} cannot be tried: {'; '.join([*not_tried[:3], *broken[:1]])}",
            hint="The role may not create all that the database holds. As a superuser, let the scratch"
            " database have it: CREATE EXTENSION in template1, or name a server with backups.verify_on",
        )
    if broken:
        raise NotProved(f"{path.name} cannot be restored: {'; '.join(broken[:3])}")
    return tuple(f"not tried: {words}" for words in not_tried)


def _creatable(
    entries: tuple[Entry, ...], *, address: DatabaseAddress
) -> tuple[tuple[Entry, ...], list[str]]:
    """Return what can be tried in the scratch database, and the extensions that it cannot have."""
    with connect_postgresql(address) as connection:
        require_direct(address, purpose="a trial restore", behind_pooler=connection.behind_pooler)
        there = {str(name) for (name,) in connection.execute("SELECT extname FROM pg_extension").fetchall()}
        may = {
            str(name)
            for (name,) in connection.execute(
                "SELECT name FROM pg_available_extension_versions"
                " WHERE trusted OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
            ).fetchall()
        }
    tried, not_tried = [], []
    for entry in entries:
        if entry.subject.startswith("EXTENSION - "):
            name = entry.subject.removeprefix("EXTENSION - ")
            if name in there:
                continue
            if name not in may:
                if entry.is_a("EXTENSION"):
                    not_tried.append(f"the extension {name}, which only a superuser may create")
                continue
        if entry.name != "SCHEMA - public" and not entry.is_a("SUBSCRIPTION"):
            tried.append(entry)
    return tuple(tried), not_tried


def _role(address: DatabaseAddress) -> str:
    if not address.role:
        return ""
    return f"SET LOCAL ROLE {sql.Identifier(address.role).as_string(None)};\n"


def _end(expected: Mapping[str, TableSum], *, plan: RestorePlan) -> Iterator[str]:
    yield (
        "DO $storekeeper$ BEGIN IF pg_catalog.current_setting('storekeeper.restore', true)"
        " IS DISTINCT FROM 'open' THEN RAISE EXCEPTION 'the transaction of the restore has ended early';"
        " END IF; END $storekeeper$;\n"
    )
    restored = _tables(plan)
    for name, table in expected.items():
        if name in plan.left:
            continue
        found = sql.Identifier(*table_of(name, present=restored)).as_string(None)
        message = sql.Literal(f"table {name} has other rows than the backup says").as_string(None)
        yield (
            f"DO $storekeeper$ BEGIN IF (SELECT count(*) FROM {found}) <> {table.rows} THEN "
            f"RAISE EXCEPTION USING MESSAGE = {message}; END IF; END $storekeeper$;\n"
        )
    yield "COMMIT;\n"


def _tables(plan: RestorePlan) -> set[tuple[str, str]]:
    """Return each way to read the entries as schema and table: both may hold blanks."""
    found = set()
    for entry in plan.entries:
        if entry.is_a("TABLE"):
            words = entry.name.removeprefix("TABLE ").split(" ")
            found |= {(" ".join(words[:cut]), " ".join(words[cut:])) for cut in range(1, len(words))}
    return found
