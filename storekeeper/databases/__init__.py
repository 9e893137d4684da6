"""The shop's databases: where they are, and connections that only read."""

from storekeeper.databases.address import DatabaseAddress, Engine, address_from_django, address_from_url
from storekeeper.databases.postgresql import connect_postgresql
from storekeeper.databases.sqlite import connect_sqlite

__all__ = [
    "DatabaseAddress",
    "Engine",
    "address_from_django",
    "address_from_url",
    "connect_postgresql",
    "connect_sqlite",
]
