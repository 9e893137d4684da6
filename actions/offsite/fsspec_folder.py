"""A folder at an fsspec URL as a place: over SSH, and whatever else has a library for fsspec."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import fsspec
from fsspec.config import conf

from storekeeper.encryption.streams import Sink
from storekeeper.errors import ConfigurationError

SSH: Final = frozenset({"ssh", "sftp"})
_CHUNK_BYTES: Final = 4 << 20
_TIMEOUT_SECONDS: Final = 30


class FsspecFolder:
    """A folder that the protocol's own library reaches; over SSH it is made where it is missing."""

    shows_unfinished = True

    def __init__(self, url: str, *, protocol: str) -> None:
        """Connect; raises ImportError where the protocol's library is not installed."""
        if protocol in SSH:
            self._system, self._folder = _ssh(url)
            self._system.makedirs(self._folder, exist_ok=True, permissions=0o700)
        else:
            self._system, self._folder = fsspec.core.url_to_fs(
                url, skip_instance_cache=True, use_listings_cache=False
            )

    def names(self) -> set[str]:
        self._system.invalidate_cache()
        try:
            return {path.rpartition("/")[2] for path in self._system.ls(self._folder, detail=False)}
        except FileNotFoundError:
            return set()

    def size_bytes(self, name: str) -> int:
        self._system.invalidate_cache()
        return int(self._system.info(self._path(name))["size"])

    def read(self, name: str, *, offset: int = 0) -> Iterator[bytes]:
        with self._system.open(self._path(name), "rb") as stream:
            if offset:
                stream.seek(offset)
            while data := stream.read(_CHUNK_BYTES):
                yield data

    @contextmanager
    def writer(self, name: str, *, size_bytes: int) -> Iterator[Sink]:
        with self._system.open(self._path(name), "wb") as stream:
            yield stream

    def rename(self, name: str, new: str) -> None:
        self._system.mv(self._path(name), self._path(new))

    def remove(self, name: str) -> None:
        self._system.rm_file(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._folder.rstrip('/')}/{name}"


def _ssh(url: str) -> tuple[Any, str]:
    from sshfs import SSHFileSystem

    # Unless told, sshfs accepts any host's key, and our backups would go to whoever answers.
    options = {"known_hosts": (), "connect_timeout": _TIMEOUT_SECONDS, "keepalive_interval": 15}
    options |= {key: value for each in sorted(SSH) for key, value in conf.get(each, {}).items()}
    options |= SSHFileSystem._get_kwargs_from_urls(url)
    if options["known_hosts"] is None:
        raise ConfigurationError("fsspec's config says known_hosts: null; name a file, or leave it out")
    return SSHFileSystem(**options, skip_instance_cache=True), SSHFileSystem._strip_protocol(url)
