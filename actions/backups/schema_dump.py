"""The schema of a PostgreSQL database as pg_dump writes it, in the moment of a backup."""

import re
import subprocess
import tempfile
from base64 import b64decode, b64encode
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from actions.backups.postgresql_dump import (
    conninfo,
    find_program,
    role_of,
    secrets_of,
)
from storekeeper import processes
from storekeeper.backups import RawSums
from storekeeper.backups.raw_sums import USER_MAPPINGS
from storekeeper.config import Config
from storekeeper.databases import DatabaseAddress
from storekeeper.databases.postgresql import is_behind_pooler, require_direct
from storekeeper.errors import StorekeeperError

_LONGEST_SECONDS: Final = 300.0

# No row hangs on them; what they do, or ask for, would only get in the way.
_NOT_MADE: Final = re.compile(
    r"\d+; \d+ \d+ (?:ACL|COMMENT|DEFAULT ACL|EVENT TRIGGER|FK CONSTRAINT|MATERIALIZED VIEW DATA|POLICY"
    r"|PUBLICATION|PUBLICATION TABLE|ROW SECURITY|RULE|SECURITY LABEL|SUBSCRIPTION|TRIGGER) "
)


class SchemaDump(AbstractContextManager["SchemaDump"]):
    """
    A pg_dump of the schema alone, at work in the moment ``snapshot`` beside other work.

    It is an extra: where there is no fitting pg_dump, or it fails, there is no dump and no error.
    """

    def __init__(self, address: DatabaseAddress, *, config: Config, snapshot: str) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the dump is left
        self._process: subprocess.Popen[bytes] | None = None
        with suppress(StorekeeperError):
            # What pg_dump sets for its session, an empty search_path, would be the shop's behind a pooler.
            require_direct(address, purpose="pg_dump", behind_pooler=is_behind_pooler(address))
            self._process = processes.start(
                [
                    find_program("pg_dump", config=config),
                    "--schema-only",
                    "--format=custom",
                    "--no-password",
                    "--no-subscriptions",
                    "--lock-wait-timeout=20s",
                    f"--snapshot={snapshot}",
                    *role_of(address),
                    f"--dbname={conninfo(address)}",
                ],
                environment=secrets_of(address),
                output=self._output,
                errors=subprocess.DEVNULL,
                own_group=True,
            )

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            processes.stop(self._process)
        self._output.close()

    def __enter__(self) -> Self:
        return self

    def ddl(self, raw: RawSums) -> str:
        """Return the dump in base64, ``""`` where there is none or where it would hold passwords."""
        if self._process is None or USER_MAPPINGS in raw.others:
            return ""
        try:
            code = self._process.wait(timeout=_LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            return ""
        self._output.seek(0)
        return b64encode(self._output.read()).decode("ascii") if code == 0 else ""


def make_schema(raw: RawSums, *, address: DatabaseAddress, config: Config, folder: Path) -> bool:
    """
    Make the tables of the dump in the empty database at ``address``; return whether they are there.

    No trigger, rule, policy or foreign key is made: rows are loaded as they were, and nothing happens. Where
    it fails the database stays empty.
    """
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        dump, wanted = Path(temporary) / "schema.dump", Path(temporary) / "list"
        dump.write_bytes(b64decode(raw.ddl))
        try:
            require_direct(address, purpose="pg_restore", behind_pooler=is_behind_pooler(address))
            program = find_program("pg_restore", config=config)
            entries = processes.run([program, "--list", dump], timeout_seconds=_LONGEST_SECONDS)
            lines = entries.decode("utf-8").splitlines(keepends=True)
            wanted.write_text("".join(line for line in lines if not _NOT_MADE.match(line)), "utf-8")
            processes.run(
                [
                    program,
                    "--exit-on-error",
                    "--single-transaction",
                    "--no-owner",
                    "--no-privileges",
                    "--no-password",
                    f"--use-list={wanted}",
                    *role_of(address),
                    f"--dbname={conninfo(address)}",
                    dump,
                ],
                timeout_seconds=_LONGEST_SECONDS,
                environment=secrets_of(address),
            )
        except StorekeeperError:
            return False
    return True
