"""A dump as a script for psql, in stages: what must succeed, what may be refused, and large objects."""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from actions.backups.archive_contents import Entry, contents_file
from actions.backups.postgresql_dump import conninfo, failure_of, find_program, secrets_of
from storekeeper import processes
from storekeeper.config import Config
from storekeeper.databases import DatabaseAddress
from storekeeper.errors import BackupRefused

_CHUNK_BYTES: Final = 1 << 20
# After the grants, says pg_restore: what would act on the restore itself.
_LAST: Final = ("EVENT TRIGGER", "MATERIALIZED VIEW DATA")
_GRANTS: Final = ("ACL", "DEFAULT ACL")
_LARGE_OBJECTS: Final = ("BLOBS",)
_ROWS: Final = ("TABLE DATA", "SEQUENCE SET", "BLOB METADATA", "BLOB")
# Each statement gets a savepoint; one that fails says so with its code, and the others go on.
_TOLERANT: Final = "\\set ON_ERROR_STOP off\n\\set ON_ERROR_ROLLBACK on\n\\set VERBOSITY verbose\n"
_STRICT: Final = "\\set ON_ERROR_STOP on\n\\set ON_ERROR_ROLLBACK off\n\\set VERBOSITY default\n"
# What a server warns of is done; in its own language, whatever it is, an error has the same shape.
_REFUSED: Final = re.compile(r"^(?!WARNING|NOTICE|INFO|LOG)[^\s:]+: +([0-9A-Z]{5}): (.*)$")
PRIVILEGE: Final = "42501"


class Psql:
    """A running psql; ``refused`` are code and message of each statement of a tolerant stage that failed."""

    def __init__(
        self, *, address: DatabaseAddress, config: Config, cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        self._address = address
        self._config = config
        self._cancelled = cancelled
        self.refused: list[tuple[str, str]] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run psql around the body; what it was not told to commit is undone. Raises StorekeeperError."""
        with tempfile.TemporaryFile() as errors:
            process = processes.start(
                [
                    find_program("psql", config=self._config),
                    "--no-psqlrc",
                    "--quiet",
                    "--no-password",
                    f"--output={os.devnull}",
                    "--set=ON_ERROR_STOP=1",
                    f"--dbname={conninfo(self._address)}",
                ],
                environment=secrets_of(self._address),
                errors=errors,
                piped=True,
                own_group=True,
            )
            assert process.stdin and process.stdout
            self._input: IO[bytes] = process.stdin
            try:
                # psql that has ended with an error no longer listens; its words are read below.
                with suppress(BrokenPipeError):
                    yield
                    process.stdin.close()
                code = process.wait()
                self.refused = _refused(errors)
                if code:
                    raise failure_of("psql", code=code, errors=_words(errors), address=self._address)
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()
                process.stdout.close()
                with suppress(BrokenPipeError):
                    process.stdin.close()

    def write(self, statements: str) -> None:
        """Send statements, as they are."""
        self._input.write(statements.encode("utf-8", "surrogateescape"))
        self._input.flush()

    def restore(
        self,
        path: Path,
        *,
        entries: Collection[Entry],
        owners: bool,
        privileges: bool,
        tolerant: bool = False,
        role: str = "",
    ) -> None:
        """
        Send what the entries of the dump are: objects and rows, large objects, grants, and what comes last.

        A grant that is refused, to a role that is gone, say, is no failure; ``tolerant`` lets nothing be one.
        Raises StorekeeperError for a dump that pg_restore cannot read.
        """
        for stage, found in _stages(entries).items():
            if not found or (stage == "grants" and not privileges):
                continue
            # Never rows: psql would read those of a COPY that failed as statements.
            loose = stage == "grants" or (tolerant and stage in ("before", "after", "last"))
            self.write(_TOLERANT if loose else "")
            self._send(path, found, owners=owners, large=stage == "large objects")
            # A statement of a dump's grants may set the role back.
            self.write((_STRICT if loose else "") + role)

    def _send(self, path: Path, entries: Collection[Entry], *, owners: bool, large: bool) -> None:
        with tempfile.TemporaryFile() as errors, tempfile.NamedTemporaryFile() as wanted:
            wanted.write(contents_file(entries))
            wanted.flush()
            reader = processes.start(
                [
                    find_program("pg_restore", config=self._config),
                    "--file=-",
                    f"--use-list={wanted.name}",
                    *([] if owners else ["--no-owner"]),
                    path,
                ],
                output=subprocess.PIPE,
                errors=errors,
                own_group=True,
            )
            assert reader.stdout
            try:
                for data in _without_transactions(reader.stdout) if large else _pieces(reader.stdout):
                    if self._cancelled():
                        raise BackupRefused("cancelled; the database is as it was")
                    self._input.write(data)
                if reader.wait():
                    raise failure_of(
                        "pg_restore", code=reader.returncode, errors=_words(errors), address=self._address
                    )
                self._input.flush()
            finally:
                if reader.poll() is None:
                    reader.kill()
                reader.wait()
                reader.stdout.close()


def _stages(entries: Collection[Entry]) -> dict[str, list[Entry]]:
    """Return the entries of each stage, in the order of the stages."""
    stages: dict[str, list[Entry]] = {
        name: [] for name in ("before", "rows", "large objects", "after", "grants", "last")
    }
    shape = "before"
    for one in entries:
        if one.is_a(*_GRANTS):
            stages["grants"].append(one)
        elif one.is_a(*_LAST) or one.subject.startswith(_LAST):
            stages["last"].append(one)
        elif one.is_a(*_LARGE_OBJECTS):
            stages["large objects"].append(one)
        elif one.is_a(*_ROWS):
            shape = "after"
            stages["rows"].append(one)
        else:
            stages[shape].append(one)
    return stages


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    while data := stream.read(_CHUNK_BYTES):
        yield data


def _without_transactions(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of large objects, which pg_restore puts into a transaction of their own."""
    for line in stream:
        if line.rstrip() not in (b"BEGIN;", b"COMMIT;"):
            yield line


def _refused(errors: IO[bytes]) -> list[tuple[str, str]]:
    errors.seek(0)
    lines = errors.read().decode("utf-8", "backslashreplace").splitlines()
    found = (_REFUSED.match(line) for line in lines)
    return [(one[1], one[2]) for one in found if one]


def _words(errors: IO[bytes]) -> str:
    errors.seek(0)
    return processes.last_words(errors.read())
