"""PgBouncer in transaction mode between us and the server: as installed, and where it drops what we say."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from actions.backups.postgresql_dump import dump_postgresql
from actions.backups.postgresql_plan import plan_restore
from actions.backups.schema_dump import SchemaDump
from exporter.rows import measure_tables
from storekeeper.backups import RawSums
from storekeeper.databases import DatabaseAddress, address_from_url, connect_postgresql
from storekeeper.databases.identity import identity_of
from storekeeper.databases.kept_connections import KeptConnections
from storekeeper.databases.maintenance import maintain_postgresql
from storekeeper.errors import ConfigurationError, DatabaseUnavailable
from storekeeper.files import PartialFile
from storekeeper.measure.postgresql import measure_postgresql

SETTINGS = """
[databases]
* = host={host}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = transaction
default_pool_size = 2
reserve_pool_size = 0
{more}
"""


@pytest.fixture
def pooled(postgresql_server: Any, tmp_path: Path) -> Iterator[Callable[..., DatabaseAddress]]:
    """A factory: the address of a new database behind PgBouncer, with these more lines of settings."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "make test-tools installs pgbouncer"
    root = postgresql_server.create_database("pooled")
    host = psycopg.conninfo.conninfo_to_dict(root)["host"]
    assert isinstance(host, str)
    # It does not run as root, but as the server does.
    tmp_path.chmod(0o755)
    owner = Path(host).stat()
    other: dict[str, Any] = {}
    if os.getuid() == 0:
        other = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    with ExitStack() as ended:

        def make(more: str = "") -> DatabaseAddress:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            users, settings = tmp_path / "users.txt", tmp_path / f"{port}.ini"
            users.write_text('"postgres" ""\n')
            settings.write_text(SETTINGS.format(host=host, port=port, users=users, more=more))
            process = subprocess.Popen([program, "-q", settings], stderr=subprocess.DEVNULL, **other)
            ended.callback(process.wait)
            ended.callback(process.kill)
            url = f"postgresql://postgres@127.0.0.1:{port}/pooled"
            for _ in range(100):
                try:
                    psycopg.connect(url, connect_timeout=5).close()
                except psycopg.OperationalError:
                    time.sleep(0.1)
                else:
                    break
            return address_from_url("default", url=url, project=Path())

        yield make
    postgresql_server.drop_database("pooled")


@pytest.mark.parametrize("more", ["", "ignore_startup_parameters = options"])
def test_measurements_work_and_leave_no_trace(pooled: Any, more: str) -> None:
    """Sizes, rows and identity are told; the server process that the shop gets next is as it was."""
    address = pooled(more)
    with psycopg.connect(**address.parameters, autocommit=True, prepare_threshold=None) as shop:
        shop.execute("CREATE TABLE items (id integer)")
        names = ("statement_timeout", "lock_timeout", "default_transaction_read_only", "search_path", "role")

        def settings() -> list[Any]:
            return [shop.execute(f"SHOW {name}".encode()).fetchone() for name in names]

        before = settings()
        kept = KeptConnections()
        for _ in range(7):
            usage = measure_postgresql(address, limit_bytes=None, connections=kept)
            assert usage.up, usage.problem
        kept.close()
        tables = [one for one in measure_tables(address, exact_rows_below=10) if not isinstance(one, str)]
        assert [("items", 0)] == [(one.table, one.rows) for one in tables]
        direct = identity_of(address)
        assert direct.is_same(identity_of(address))
        with connect_postgresql(address) as connection:
            assert connection.behind_pooler
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("INSERT INTO items VALUES (1)")
        assert settings() == before
        shop.execute("INSERT INTO items VALUES (1)")


def test_locked_table_holds_nothing_for_long(pooled: Any, postgresql_server: Any) -> None:
    """Our own limit holds where the pooler has dropped what was said at the start."""
    address = pooled("ignore_startup_parameters = options\n")
    with psycopg.connect(postgresql_server.url_of("pooled")) as holder:
        holder.execute("CREATE TABLE items (id integer)")
        holder.commit()
        holder.execute("LOCK TABLE items IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        with (
            pytest.raises(DatabaseUnavailable, match=r"statement timeout|lock timeout"),
            connect_postgresql(address, timeout_seconds=0.5) as connection,
        ):
            connection.execute("SELECT count(*) FROM items")
        assert time.monotonic() - started < 8


def test_what_needs_a_session_is_refused_with_a_word(pooled: Any, keeper: Any, tmp_path: Path) -> None:
    """pg_dump and psql would set the shop's own search_path; VACUUM would have no limit of its waiting."""
    address = pooled()
    config = keeper("postgresql", orders=None).config
    with pytest.raises(ConfigurationError, match="pooler") as caught, PartialFile(tmp_path / "a") as file:
        dump_postgresql(address, config=config, file=file, cancelled=lambda: False)
    assert "url_file" in caught.value.hint
    with pytest.raises(ConfigurationError, match="pooler"):
        plan_restore(tmp_path / "a.dump", address=address, config=config)
    with pytest.raises(ConfigurationError, match="pooler"), maintain_postgresql(address, lock_seconds=1):
        pass


def test_schema_beside_a_json_backup_is_left_away(pooled: Any, keeper: Any) -> None:
    """The shop's migrations make the tables of a trial instead; pg_dump would have hidden the shop's own."""
    address = pooled()
    config = keeper("postgresql", orders=None).config
    with psycopg.connect(**address.parameters, prepare_threshold=None) as holder:
        snapshot = holder.execute("SELECT pg_export_snapshot()").fetchone()
        assert snapshot
        with SchemaDump(address, config=config, snapshot=snapshot[0]) as dump:
            assert dump.ddl(RawSums(method="x")) == ""


def test_server_itself_is_no_pooler(postgresql_server: Any, pooled: Any) -> None:
    """The one that greets us is the one that answers."""
    pooled()
    address = address_from_url("default", url=postgresql_server.url_of("pooled"), project=Path())
    with connect_postgresql(address) as connection:
        assert not connection.behind_pooler
    with maintain_postgresql(address, lock_seconds=1) as connection:
        assert connection.execute("SHOW lock_timeout").fetchone() == ("1s",)
