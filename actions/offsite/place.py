"""
A place away from this machine where copies of backups lie, named by an fsspec URL.

Secrets are best kept out of the URL: keys of SSH come from the user's agent and files, S3's from its
environment variables, anything else from fsspec's own configuration (``FSSPEC_SSH_…``, ``~/.config/fsspec``).
A password in a URL is never shown.
"""

import hashlib
import os
import posixpath
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import unquote

from storekeeper.errors import ConfigurationError, OffsiteFailed

INSTALL: Final = "pip install 'storekeeper[offsite]'"

_CHUNK_BYTES: Final = 4 << 20
_TIMEOUT_SECONDS: Final = 30
_SSH: Final = frozenset({"ssh", "sftp"})
_LOCAL: Final = frozenset({"file", "local"})
# Small files are read whole; nothing there is trusted to be small.
_SMALL_BYTES: Final = 16 << 20
# A slash may be in a password only as %2F; one that was written all the same is no less secret.
_PASSWORD: Final = re.compile(r"(?<=://)([^/@:]*):([^/]*|(?!\d+/)[^@]*)@")


class OffsitePlace:
    """
    A folder at an fsspec URL. Every method raises OffsiteFailed when the place does not do what it should.

    The fsspec libraries are imported when a place is opened, not before.
    """

    def __init__(self, url: str) -> None:
        """Open the place; raises ConfigurationError when the library for its protocol is not installed."""
        self.name = redacted(url)
        self._url = url
        self._protocol = url.partition("://")[0].lower()
        with self._errors():
            self._system, self._folder = _open(url, self._protocol)
            if self._protocol in _LOCAL and not self._system.isdir(self._folder):
                # Made by us, it would stand where a disk is to be mounted.
                raise OffsiteFailed(f"{self.name}: there is no such folder", hint="Is its disk mounted?")
            if self._protocol in _SSH:
                self._system.makedirs(self._folder, exist_ok=True, permissions=0o700)

    def names(self) -> set[str]:
        """Give the names of the files in the folder; none where the folder does not exist yet."""
        with self._errors():
            self._system.invalidate_cache()
            try:
                return {posixpath.basename(path) for path in self._system.ls(self._folder, detail=False)}
            except FileNotFoundError:
                return set()

    def size_bytes(self, name: str) -> int | None:
        """Give the size of a file, None where there is none."""
        with self._errors():
            self._system.invalidate_cache()
            try:
                return int(self._system.info(self._path(name))["size"])
            except FileNotFoundError:
                return None

    def read_small(self, name: str) -> bytes | None:
        """Give the content of a small file, None where there is none."""
        with self._errors():
            try:
                with self._system.open(self._path(name), "rb") as stream:
                    return bytes(stream.read(_SMALL_BYTES))
            except FileNotFoundError:
                return None

    def sha256(self, name: str, *, moved: Callable[[int], None] = lambda count: None) -> str:
        """Read a file back and give its sum; ``moved`` hears of each piece's bytes."""
        sums = hashlib.sha256()
        with self._errors(), self._system.open(self._path(name), "rb") as stream:
            while data := stream.read(_CHUNK_BYTES):
                sums.update(data)
                moved(len(data))
        return sums.hexdigest()

    def put(
        self, file: IO[bytes], *, name: str, sha256: str, moved: Callable[[int], None] = lambda count: None
    ) -> None:
        """
        Store what ``file`` gives under ``name``, replacing what is there.

        It goes to ``.NAME.partial`` first and gets its name after it was read back with the sum ``sha256``.
        """
        partial = f".{name}.partial"
        try:
            size = self._write(file, name=partial, moved=moved)
            found = self.size_bytes(partial)
            if found != size:
                raise OffsiteFailed(f"{self.name}: of {name}, {found} of {size} bytes arrived")
            if self.sha256(partial, moved=moved) != sha256:
                raise OffsiteFailed(f"{self.name}: {name} has another content there than here")
            with self._errors():
                self._system.mv(self._path(partial), self._path(name))
            if self.size_bytes(name) != size:
                raise OffsiteFailed(f"{self.name}: {name} is not there under its final name")
        except BaseException:
            # What went wrong is told; that the remains could not be removed, too, would only hide it.
            with suppress(OffsiteFailed):
                self.remove(partial)
            raise

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is fine."""
        with self._errors(), suppress(FileNotFoundError):
            self._system.rm_file(self._path(name))

    def _write(self, file: IO[bytes], *, name: str, moved: Callable[[int], None]) -> int:
        size = 0
        with self._errors(), self._system.open(self._path(name), "wb") as stream:
            while data := file.read(_CHUNK_BYTES):
                stream.write(data)
                size += len(data)
                moved(len(data))
            if self._protocol in _LOCAL:
                stream.flush()
                os.fsync(stream.fileno())
                Path(self._path(name)).chmod(0o600)
        return size

    def _path(self, name: str) -> str:
        return f"{self._folder.rstrip('/')}/{name}"

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (OffsiteFailed, ConfigurationError):
            raise
        except Exception as error:  # noqa: BLE001 - each of fsspec's libraries has exceptions of its own
            told = _without_secrets(f"{type(error).__name__}: {error}", self._url)
            raise OffsiteFailed(f"{self.name}: {told}") from None


def redacted(url: str) -> str:
    """Give the URL as people may see it."""
    return _PASSWORD.sub(r"\1:***@", url)


def _without_secrets(text: str, url: str) -> str:
    match = _PASSWORD.search(url)
    secrets = {match[2], unquote(match[2]), *match[2].split("/")} - {""} if match else set()
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _open(url: str, protocol: str) -> tuple[Any, str]:
    try:
        import fsspec
        from fsspec.config import conf

        if protocol in _SSH:
            from sshfs import SSHFileSystem

            # Unless told, sshfs accepts any host's key, and our backups would go to whoever answers.
            options = {"known_hosts": (), "connect_timeout": _TIMEOUT_SECONDS, "keepalive_interval": 15}
            options |= {key: value for each in sorted(_SSH) for key, value in conf.get(each, {}).items()}
            options |= SSHFileSystem._get_kwargs_from_urls(url)
            if options["known_hosts"] is None:
                raise ConfigurationError(
                    "fsspec's config says known_hosts: null; name a file, or leave it out"
                )
            system = SSHFileSystem(**options, skip_instance_cache=True)
            return system, SSHFileSystem._strip_protocol(url)
        system, folder = fsspec.core.url_to_fs(url, skip_instance_cache=True, use_listings_cache=False)
        return system, folder
    except ImportError as error:
        raise ConfigurationError(
            f"copies to {protocol}:// need a library that is not installed ({error.name})", hint=INSTALL
        ) from None
