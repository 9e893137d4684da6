"""Let the shop write while its SQLite database is read row by row, which takes much longer than a copy."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from actions.action import Context, Progress
from actions.backups.json_backup import disk_errors
from actions.backups.reading import Reading
from actions.backups.sqlite_copy import copy_sqlite
from storekeeper.databases import DatabaseAddress, Engine, connect_sqlite
from storekeeper.errors import DatabaseUnavailable, NotEnoughSpace
from storekeeper.files import require_free_bytes
from storekeeper.files.private import make_private_folder
from storekeeper.shop.shop import Conversation
from storekeeper.shopside.scratch import PREFIX


@contextmanager
def quiet_conversation(context: Context, *, alias: str, address: DatabaseAddress) -> Iterator[Reading]:
    """
    Give a conversation in which reading the database ``alias`` keeps nobody from writing to it.

    A reader of an SQLite database without a write-ahead log stops all writers, and soon all readers too. So
    the file is copied first, into the state folder, and the shop's Django is led to the copy. Where none
    can be made, the database itself is read, and a line in the run's log says so.
    """
    with context.shop.talk() as conversation:
        if address.engine is not Engine.SQLITE or _has_log(address):
            yield Reading(conversation=conversation, path=address.path)
            return
        folder = context.config.state / "snapshots"
        make_private_folder(folder)
        # What a killed run left; the caller holds the lock on the backups.
        for leftover in folder.glob(f"{PREFIX}*"):
            leftover.unlink(missing_ok=True)
        path = folder / f"{PREFIX}{secrets.token_hex(6)}.sqlite3"
        try:
            if _copy(address, to=path, conversation=conversation, context=context):
                conversation.ask("enter_scratch", database=alias, name=str(path))
                yield Reading(conversation=conversation, path=path, live=False)
            else:
                yield Reading(conversation=conversation, path=address.path)
        finally:
            path.unlink(missing_ok=True)


def _copy(address: DatabaseAddress, *, to: Path, conversation: Conversation, context: Context) -> bool:
    assert address.path is not None
    try:
        with disk_errors(to):
            require_free_bytes(to.parent, needed_bytes=address.path.stat().st_size, purpose="a copy to read")
            to.touch(mode=0o600)
            quick = conversation.ask("copy_file", source=str(address.path.absolute()), target=str(to))
            if not quick["copied"]:
                copy_sqlite(address, target=to)
    except (NotEnoughSpace, DatabaseUnavailable) as error:
        # A database that cannot be read says so again when it is read itself. The backup needs the room.
        to.unlink(missing_ok=True)
        note = f"{address.name}: nobody can write to it while it is backed up: {error.message}"
        context.report(Progress(done=0, unit="rows", note=note))
        return False
    return True


def _has_log(address: DatabaseAddress) -> bool:
    with connect_sqlite(address, timeout_seconds=30) as connection:
        return bool(connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal")
