"""Which names mean one database: asked of the database, never read from a URL."""

import os
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storekeeper.databases import address_from_url
from storekeeper.databases.identity import DatabaseIdentity, identity_of
from storekeeper.errors import DatabaseUnavailable
from storekeeper.measure.databases import backed_up_names, distinct_names
from storekeeper.shop import ModelDescription

MAIN = DatabaseIdentity(database=(5, "shop"), cluster=7, server="today", schemas=("public",))
STANDBY = replace(MAIN, server="yesterday", standby=True)
COPY = replace(MAIN, server="a copy that was started on its own")


def test_a_file_is_itself_under_every_name(tmp_path: Path) -> None:
    """A symbolic link, a hard link and a way around lead to one database, a copy to another."""
    with sqlite3.connect(tmp_path / "db") as connection:
        connection.execute("CREATE TABLE t (a)")
    (tmp_path / "link").symlink_to("db")
    (tmp_path / "hard").hardlink_to(tmp_path / "db")
    (tmp_path / "copy").write_bytes((tmp_path / "db").read_bytes())
    identities = {
        name: identity_of(address_from_url(name, url=f"sqlite:///{name}", project=tmp_path))
        for name in ("db", "link", "hard", "copy")
    }
    assert ("db", "copy") == distinct_names(identities, identities=identities)
    with pytest.raises(DatabaseUnavailable):
        identity_of(address_from_url("gone", url="sqlite:///gone", project=tmp_path))


def test_a_server_tells_its_databases_apart(tmp_path: Path, postgresql_server: Any) -> None:
    """Two URLs of one database are one, two databases of one server are two."""
    names = (f"identity_{os.getpid()}_a", f"identity_{os.getpid()}_b")
    first, second = map(postgresql_server.create_database, names)
    try:
        urls = {
            "main": first,
            "again": f"{first}{'&' if '?' in first else '?'}application_name=x",
            "b": second,
        }
        identities = {
            name: identity_of(address_from_url(name, url=url, project=tmp_path)) for name, url in urls.items()
        }
    finally:
        for name in names:
            postgresql_server.drop_database(name)
    assert identities["main"].cluster is not None
    assert ("main", "b") == distinct_names(urls, identities=identities)


def test_a_standby_is_the_database_that_it_follows_and_a_copy_is_not() -> None:
    """A copy of a cluster has its identifier too, and other rows by now: it stands for itself."""
    assert ("a",) == distinct_names("ab", identities={"a": MAIN, "b": STANDBY})
    assert ("b",) == distinct_names("ab", identities={"a": STANDBY, "b": MAIN})
    assert ("a", "b") == distinct_names("ab", identities={"a": MAIN, "b": COPY})
    hidden = replace(MAIN, cluster=None), replace(STANDBY, cluster=None)
    assert ("a", "b") == distinct_names("ab", identities=dict(zip("ab", hidden, strict=True)))
    assert ("a", "b") == distinct_names("ab", identities={"a": MAIN})


def model(label: str, *aliases: str) -> ModelDescription:
    """Return a model that the routers let these aliases have."""
    return ModelDescription(
        label=label,
        table=label,
        database=aliases[0],
        managed=True,
        primary_key="id",
        primary_key_column="id",
        migrated_in=aliases,
    )


def test_an_alias_with_tables_of_its_own_has_a_backup_of_its_own() -> None:
    """A backup holds the tables of its alias: another alias is left out only where it adds none."""
    aliases = {"a": "a", "b": "b"}
    same = {"a": MAIN, "b": MAIN}
    shared, own = model("app.Shared", "a", "b"), model("app.Own", "b")
    assert ("a",) == backed_up_names(aliases, identities=same, models=[shared])
    assert ("a", "b") == backed_up_names(aliases, identities=same, models=[shared, own])
    elsewhere = {"a": MAIN, "b": replace(MAIN, schemas=("tenant",))}
    assert ("a", "b") == backed_up_names(aliases, identities=elsewhere, models=[shared])
