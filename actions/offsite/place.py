"""
A place away from this machine where copies of backups lie: a folder, named by a URL or a path.

``file://`` and plain paths are folders of this machine, on another disk; ``s3://``, ``gs://`` and ``az://``
are prefixes in a bucket; ``sftp://`` and the rest go through fsspec. Secrets are best kept out of the URL:
keys of SSH come from the user's agent and files, S3's from its environment variables and profiles, anything
else from fsspec's own configuration (``FSSPEC_SSH_…``, ``~/.config/fsspec``). A password in a URL is never
shown.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Final

from actions.offsite.piped import Blocks, CountingReader, SumSink
from actions.offsite.store import Store
from actions.offsite.urls import redacted, without_secrets
from storekeeper.encryption import Recipients, encrypt_stream
from storekeeper.encryption.proof import PassingKey
from storekeeper.errors import BackupRefused, ConfigurationError, OffsiteFailed, StorekeeperError, UnsafePath

__all__ = ["INSTALL", "OffsitePlace", "Written", "redacted"]

INSTALL: Final = "pip install 'storekeeper[offsite]'"

_CHUNK_BYTES: Final = 1 << 20
_LOCAL: Final = frozenset({"file", "local"})
_OBJECTS: Final = frozenset({"s3", "s3a", "gs", "gcs", "az", "azure", "adl", "abfs", "abfss"})
# Small files are read whole; nothing there is trusted to be small.
_SMALL_BYTES: Final = 16 << 20
_TOLD_CHARACTERS: Final = 300


@dataclass(frozen=True, kw_only=True)
class Written:
    """What lies at the place now, as it was read back from there."""

    sha256: str
    size_bytes: int


class OffsitePlace:
    """
    A folder at a URL or a path. Every method raises OffsiteFailed when the place does not do what it should.

    The libraries are imported when a place is opened, not before.
    """

    def __init__(self, url: str) -> None:
        """Open the place; raises ConfigurationError when the library for its protocol is not installed."""
        self.name = redacted(url)
        self._url = url
        with self._errors():
            self._store = _open(url)

    def names(self) -> set[str]:
        """Give the names of the files in the folder; none where the folder does not exist yet."""
        with self._errors():
            return self._store.names()

    def size_bytes(self, name: str) -> int | None:
        """Give the size of a file, None where there is none."""
        with self._errors():
            try:
                return self._store.size_bytes(name)
            except FileNotFoundError:
                return None

    def read_small(self, name: str) -> bytes | None:
        """Give the content of a small file, None where there is none."""
        with self._errors():
            content = b""
            try:
                for piece in self._store.read(name):
                    content += piece
                    if len(content) > _SMALL_BYTES:
                        break
            except FileNotFoundError:
                return None
            return content[:_SMALL_BYTES]

    def read(self, name: str, *, offset: int = 0) -> Iterator[bytes]:
        """Yield the content of a file from ``offset`` on, in pieces."""
        with self._errors():
            yield from self._store.read(name, offset=offset)

    def sha256(self, name: str, *, moved: Callable[[int], None] = lambda count: None) -> str:
        """Read a file back and give its sum; ``moved`` hears of each piece's bytes."""
        sums = hashlib.sha256()
        for data in self.read(name):
            sums.update(data)
            moved(len(data))
        return sums.hexdigest()

    def put(
        self,
        file: IO[bytes],
        *,
        name: str,
        sha256: str,
        size_bytes: int = 0,
        recipients: Recipients | None = None,
        moved: Callable[[int], None] = lambda count: None,
    ) -> Written:
        """
        Store what ``file`` gives under ``name``, replacing what is there; with ``recipients`` encrypted.

        What ``file`` gives must have the sum ``sha256``: else nothing is stored. Before it counts it is read
        back, and what was encrypted is decrypted again with a key that exists for this copy alone. Where a
        file can be seen while it is written, it is ``.NAME.partial`` until then.
        """
        key = PassingKey(recipients) if recipients is not None else None
        first = f".{name}.partial" if self._store.shows_unfinished else name
        try:
            written = self._write(
                file, name=first, meant=name, sha256=sha256, size_bytes=size_bytes, key=key, moved=moved
            )
            self._read_back(first, written, meant=name, sha256=sha256, key=key, moved=moved)
            if first != name:
                with self._errors():
                    self._store.rename(first, name)
            if self.size_bytes(name) != written.size_bytes:
                raise OffsiteFailed(f"{self.name}: {name} is not there under its final name")
        except SourceChanged as changed:
            # Nothing was stored, so nothing that lies there under the final name is touched.
            if first != name:
                with suppress(OffsiteFailed):
                    self.remove(first)
            raise changed.told from None
        except BaseException:
            # What went wrong is told; that the remains could not be removed, too, would only hide it.
            with suppress(OffsiteFailed):
                self.remove(first)
            raise
        return written

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is fine."""
        with self._errors(), suppress(FileNotFoundError):
            self._store.remove(name)

    def _write(
        self,
        file: IO[bytes],
        *,
        name: str,
        meant: str,
        sha256: str,
        size_bytes: int,
        key: PassingKey | None,
        moved: Callable[[int], None],
    ) -> Written:
        source = CountingReader(file, moved=moved)
        with self._errors(), self._store.writer(name, size_bytes=size_bytes) as stream:
            sink = SumSink(stream)
            if key is None:
                while data := source.read(_CHUNK_BYTES):
                    sink.write(data)
            else:
                encrypt_stream(source, sink, recipients=key.recipients)
            if source.sha256 != sha256:
                # Before the block ends: what has been sent becomes no file.
                raise SourceChanged(
                    OffsiteFailed(f"{self.name}: {meant} has another content than its manifest says")
                )
        return Written(sha256=sink.sha256, size_bytes=sink.size_bytes)

    def _read_back(
        self,
        name: str,
        written: Written,
        *,
        meant: str,
        sha256: str,
        key: PassingKey | None,
        moved: Callable[[int], None],
    ) -> None:
        found = self.size_bytes(name)
        if found != written.size_bytes:
            raise OffsiteFailed(f"{self.name}: of {meant}, {found} of {written.size_bytes} bytes arrived")
        blocks = Blocks(self.read(name), moved=moved)
        try:
            content = key.content_sha256(blocks, name=meant) if key is not None else sha256
        except BackupRefused as error:
            raise OffsiteFailed(f"{self.name}: {error.message}") from None
        blocks.drain()
        if blocks.sha256 != written.sha256 or content != sha256:
            raise OffsiteFailed(f"{self.name}: {meant} has another content there than here")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except SourceChanged:
            raise
        except OffsiteFailed as error:
            if error.message.startswith(self.name):
                raise
            raise OffsiteFailed(f"{self.name}: {error.message}", hint=error.hint) from None
        except UnsafePath as error:
            raise OffsiteFailed(f"{self.name}: {error.message}") from None
        except StorekeeperError:
            raise
        except Exception as error:  # noqa: BLE001 - each library has exceptions of its own
            told = without_secrets(f"{type(error).__name__}: {error}", self._url)
            # obstore shows the inside of its errors below an empty line.
            told = told.partition("\n\n")[0][:_TOLD_CHARACTERS]
            raise OffsiteFailed(f"{self.name}: {told}", hint=_hint(told)) from None


class SourceChanged(Exception):
    """What was to be copied is not what its manifest says; ``told`` is the error for people."""

    def __init__(self, told: OffsiteFailed) -> None:
        super().__init__(told.message)
        self.told = told


def _hint(told: str) -> str:
    wrong_region = any(word in told for word in ("PermanentRedirect", "AuthorizationHeaderMalformed"))
    if wrong_region:
        return "Name the bucket's region in AWS_REGION or in the profile"
    if "169.254.169.254" in told or "metadata.google" in told:
        # Where it looks last, when nothing else has said anything.
        return "No keys were found: name them in the environment or in a profile, see docs/backups.md"
    return ""


def _open(url: str) -> Store:
    protocol, separator, rest = url.partition("://")
    protocol = protocol.lower()
    if not separator or protocol in _LOCAL:
        from actions.offsite.local_folder import LocalFolder

        return LocalFolder(rest if separator else url)
    try:
        if protocol in _OBJECTS:
            from actions.offsite.object_folder import ObjectFolder

            return ObjectFolder(url, protocol=protocol)
        from actions.offsite.fsspec_folder import FsspecFolder

        return FsspecFolder(url, protocol=protocol)
    except ImportError as error:
        raise ConfigurationError(
            f"copies to {protocol}:// need a library that is not installed ({error.name})", hint=INSTALL
        ) from None
