"""What a restore into a PostgreSQL database drops, leaves and brings, found before anything changes."""

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from actions.backups.archive_contents import Entry, read_contents
from actions.backups.dependencies import Address, Dependencies, read_dependencies
from actions.backups.postgresql_dump import describe_schema
from storekeeper.backups.table_names import table_name
from storekeeper.config import Config
from storekeeper.databases import DatabaseAddress, connect_postgresql
from storekeeper.errors import BackupRefused

_SECONDS: Final = 3600.0
# Kinds that an object's rows are in: without their owner they cannot be brought back.
_WITH_ROWS: Final = ("TABLE", "SEQUENCE", "MATERIALIZED VIEW", "BLOB", "BLOB METADATA")
# A subscription cannot be dropped within a transaction; an extension only by its owner.
_NEVER_DROPPED: Final = ("EXTENSION", "SUBSCRIPTION")
_MOST_NAMED: Final = 10
_PUBLIC: Final = "SCHEMA - public"
NOWHERE: Final[Address] = (0, 0)

_ROLES: Final = "SELECT rolname, pg_has_role(oid, 'USAGE') AND pg_has_role(oid, '{set}') FROM pg_roles"
_FOREIGN: Final = """
    SELECT 'pg_class'::regclass::oid::bigint, c.oid::bigint, n.nspname, c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT pg_has_role(c.relowner, 'USAGE')
      AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
"""
_LARGE_OBJECTS: Final = """
    SELECT 'pg_largeobject'::regclass::oid::bigint, oid::bigint FROM pg_largeobject_metadata
    WHERE pg_has_role(lomowner, 'USAGE')
"""
_EXTENSIONS: Final = """
    SELECT coalesce(a.name, e.extname), e.extname IS NOT NULL,
      (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) OR coalesce(bool_or(v.trusted), false)
        AND has_database_privilege(current_database(), 'CREATE')
    FROM pg_available_extensions a FULL JOIN pg_extension e ON e.extname = a.name
    LEFT JOIN pg_available_extension_versions v ON v.name = a.name
    GROUP BY 1, 2
"""
# Rows that a user has added to the tables of an extension.
_KEPT_ROWS: Final = """
    SELECT n.nspname, c.relname, format('%I.%I', n.nspname, c.relname), t.condition,
      has_table_privilege(c.oid, 'DELETE') AND has_table_privilege(c.oid, 'INSERT')
    FROM pg_extension e CROSS JOIN LATERAL unnest(e.extconfig, e.extcondition) AS t(id, condition)
    JOIN pg_class c ON c.oid = t.id JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'
"""


@dataclass(frozen=True, kw_only=True)
class RestorePlan:
    """
    ``dropped`` in this order; ``going`` must be gone afterwards, ``staying`` must not.

    ``deletes`` empties tables of extensions, ``left`` are tables that are not restored, by their name in a
    manifest.
    """

    entries: tuple[Entry, ...]
    dropped: tuple[Address, ...] = ()
    going: frozenset[Address] = frozenset()
    staying: frozenset[Address] = frozenset()
    deletes: tuple[str, ...] = ()
    left: frozenset[str] = frozenset()
    owners: bool = True
    notes: tuple[str, ...] = ()


def plan_restore(path: Path, *, address: DatabaseAddress, config: Config) -> RestorePlan:
    """
    Compare what the dump holds with what the database holds; nothing changes.

    Raises BackupRefused, naming the object, for what would be lost or could not be brought.
    """
    with (
        connect_postgresql(address, statement_seconds=_SECONDS) as connection,
        tempfile.TemporaryDirectory() as folder,
    ):
        set_word = "SET" if connection.info.server_version >= 160000 else "MEMBER"
        found = connection.execute(_ROLES.format(set=set_word).encode()).fetchall()
        roles = {str(name): bool(may) for name, may in found}
        me = str(_value(connection, "SELECT current_user"))
        schema = Path(folder) / "present.dump"
        describe_schema(address, config=config, target=schema)
        present = read_contents(schema, roles=roles, config=config)
        archive = read_contents(path, roles=roles, config=config)
        dependencies = Dependencies(read_dependencies(connection))
        kept = _kept(present, roles=roles, dependencies=dependencies)
        going = {_address(one) for one in present if one not in kept} - {NOWHERE}
        order = [
            _address(one)
            for one in reversed(present)
            if _address(one) in going and not dependencies.is_part_of(_address(one), among=going)
        ]
        large = [(int(str(one)), int(str(two))) for one, two in connection.execute(_LARGE_OBJECTS).fetchall()]
        foreign, left = set(), set()
        for one, two, schema_name, table in connection.execute(_FOREIGN).fetchall():
            foreign.add((int(str(one)), int(str(two))))
            left.add(table_name(str(schema_name), str(table)))
        staying = ({_address(one) for one in kept} | foreign) - {NOWHERE}
        _require_no_collision(connection, dependencies, going=going, staying=staying, me=me)
        bring = _Bringing(connection, present=kept, roles=roles, me=me)
        entries = tuple(one for one in archive if bring.takes(one))
        bring.require_owners(entries)
        return RestorePlan(
            entries=entries,
            dropped=(*order, *large),
            going=frozenset({*going, *large}),
            staying=frozenset(staying),
            deletes=tuple(bring.deletes),
            left=frozenset(left),
            owners=bring.owners,
            notes=bring.told,
        )


def _kept(present: Collection[Entry], *, roles: Mapping[str, bool], dependencies: Dependencies) -> set[Entry]:
    """Return what stays: extensions, what belongs to other roles, and the schemas that these are in."""
    may_drop = {_address(one) for one in present if one.owner and roles.get(one.owner)}
    kept = set()
    for one in present:
        if one.is_a(*_NEVER_DROPPED) or one.name == _PUBLIC:
            kept.add(one)
        elif one.owner:
            if not roles.get(one.owner):
                kept.add(one)
        elif not any(other in may_drop for other in dependencies.needs(_address(one))):
            # Without an owner: a cast, say. Only the owner of what it is made of may drop it.
            kept.add(one)
    needed = {other for one in kept for other in dependencies.needs(_address(one))}
    return kept | {one for one in present if one.is_a("SCHEMA") and _address(one) in needed}


def _require_no_collision(
    connection: "psycopg.Connection[tuple[object, ...]]",
    dependencies: Dependencies,
    *,
    going: Collection[Address],
    staying: Collection[Address],
    me: str,
) -> None:
    for collision in dependencies.collisions(going, staying=staying):
        stays, goes = (
            _value(connection, "SELECT pg_describe_object(%s::bigint::oid, %s::bigint::oid, 0)", *one)
            for one in (collision.stays, collision.goes)
        )
        raise BackupRefused(
            f"{stays} is not {me}'s to restore, and it needs {goes}, which would be replaced",
            hint=f"Nothing was changed. Restore as a role that may act as its owner, or drop {stays} first",
        )


class _Bringing:
    """Decide for each entry of the archive whether it is restored."""

    def __init__(
        self,
        connection: "psycopg.Connection[tuple[object, ...]]",
        *,
        present: Collection[Entry],
        roles: Mapping[str, bool],
        me: str,
    ) -> None:
        self.owners = True
        self.notes: list[str] = []
        self.deletes: list[str] = []
        self.stays: dict[str, list[str]] = {}
        self.missed: dict[str, list[str]] = {}
        self._roles = roles
        self._me = me
        self._kept = {one.name: one for one in present}
        self._extensions = {
            str(name): (bool(there), bool(may))
            for name, there, may in connection.execute(_EXTENSIONS).fetchall()
        }
        self._tables_of_extensions = {
            f"{schema} {table}": (table_name(str(schema), str(table)), f"{name}", f"{condition}", bool(may))
            for schema, table, name, condition, may in connection.execute(_KEPT_ROWS).fetchall()
        }

    def takes(self, entry: Entry) -> bool:
        """Return whether the entry is restored; raises BackupRefused for one that would be missed."""
        if entry.is_a("EXTENSION"):
            return self._takes_extension(entry.name.removeprefix("EXTENSION - "))
        kept = self._kept.get(entry.subject)
        if kept is not None:
            return self._takes_kept(entry, kept)
        if (rows := self._tables_of_extensions.get(entry.name.removeprefix("TABLE DATA "))) is not None:
            return self._takes_rows(*rows)
        if entry.owner and self._roles.get(entry.owner) is False:
            return self._takes_foreign(entry)
        return True

    def require_owners(self, entries: Collection[Entry]) -> None:
        """Raise BackupRefused where owners are gone, unless all that is restored had gone owners."""
        gone = [one for one in entries if one.owner and one.owner not in self._roles]
        if not gone:
            return
        others = {one.owner for one in entries if one.owner in self._roles} - {self._me, "pg_database_owner"}
        if others:
            raise BackupRefused(
                f"{gone[0].name} belonged to the role {gone[0].owner}, which is not there",
                hint=f"Nothing was changed. As a superuser: CREATE ROLE {gone[0].owner}",
            )
        self.owners = False
        names = ", ".join(sorted({one.owner for one in gone}))
        self.notes.append(f"what belonged to {names}, which is no role here, belongs to {self._me}")

    def _takes_extension(self, name: str) -> bool:
        there, may = self._extensions.get(name, (False, False))
        if not there and not may:
            known = name in self._extensions
            raise BackupRefused(
                f"the backup needs the extension {name}, which is not in this database"
                + ("" if known else " and not installed on its server"),
                hint=f'Nothing was changed. As a superuser: CREATE EXTENSION "{name}"',
            )
        return not there

    def _takes_kept(self, entry: Entry, kept: Entry) -> bool:
        if entry.subject == entry.name:
            if entry.class_id and not entry.is_a("SCHEMA", "EXTENSION"):
                self.stays.setdefault(kept.owner, []).append(entry.name)
            return False
        # A comment or a grant, on a schema of ours that has to stay.
        return kept.is_a("SCHEMA") and bool(self._roles.get(kept.owner))

    def _takes_foreign(self, entry: Entry) -> bool:
        """Leave what belongs to a role that we may not act as, and parts of what stays."""
        if entry.class_id and entry.is_a(*_WITH_ROWS):
            raise BackupRefused(
                f"{entry.name} belongs to the role {entry.owner}, which {self._me} may not act as, and it is"
                " not there",
                hint=f'Nothing was changed. As a superuser: GRANT "{entry.owner}" TO "{self._me}", or restore'
                " as another role",
            )
        if entry.class_id:
            self.missed.setdefault(entry.owner, []).append(entry.name)
        return False

    @property
    def told(self) -> tuple[str, ...]:
        """Return what is left, and what else has to be known."""
        return (
            *self.notes,
            *(
                f"belongs to {owner} and stays as it is: {_listed(names)}"
                for owner, names in self.stays.items()
            ),
            *(
                f"belongs to {owner} and is not restored: {_listed(names)}"
                for owner, names in self.missed.items()
            ),
        )

    def _takes_rows(self, table: str, name: str, condition: str, may: bool) -> bool:
        if not may:
            self.notes.append(f"the rows of the extension's table {table} stay as they are")
            return False
        self.deletes.append(f"DELETE FROM {name} {condition};\n")
        return True


def _address(entry: Entry) -> Address:
    """Return its place in the catalogues, ``NOWHERE`` for what has none of its own, such as a comment."""
    return (entry.class_id, entry.object_id) if entry.class_id and entry.object_id else NOWHERE


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _value(connection: "psycopg.Connection[tuple[object, ...]]", query: str, *values: object) -> object:
    row = connection.execute(query.encode(), values).fetchone()
    assert row is not None, "a function gives one row"
    return row[0]
