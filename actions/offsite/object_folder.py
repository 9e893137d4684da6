"""
A prefix in a bucket as a place: S3 and what speaks like it, Google Cloud Storage, Azure.

obstore brings a client of its own, and so lives beside whatever boto3 the shop has installed.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import obstore
from obstore.store import ObjectStore, from_url

from actions.offsite.aws_settings import S3, s3_settings
from storekeeper.encryption.streams import Sink

SCHEMES: Final = S3 | {"gs", "gcs", "az", "azure", "adl", "abfs", "abfss"}

# An upload has 10,000 parts at most, and each is held in memory while it is on its way.
_PART_BYTES: Final = 8 << 20
_PARTS: Final = 9_000
_CONCURRENT: Final = 3
# Each request ends within its time, so a large object is read by many.
_READ_BYTES: Final = 8 << 20
_REQUEST_TIME: Final = dt.timedelta(minutes=5)
_CONNECT_TIME: Final = dt.timedelta(seconds=30)
_RETRIES: Final = 5


class ObjectFolder:
    """The objects below a prefix. An object is there whole or not at all, so it needs no other name first."""

    shows_unfinished = False

    def __init__(self, url: str, *, protocol: str) -> None:
        """Make a client; nothing is asked yet."""
        settings = s3_settings() if protocol in S3 else {}
        # The crate's name for it is gs.
        url = url.replace("gcs://", "gs://", 1) if protocol == "gcs" else url
        plain_http = str(settings.get("endpoint", "")).startswith("http://")
        self._store: ObjectStore = from_url(
            url.rstrip("/"),
            client_options={
                "timeout": _REQUEST_TIME,
                "connect_timeout": _CONNECT_TIME,
                **({"allow_http": True} if plain_http else {}),
            },
            retry_config={"max_retries": _RETRIES},
            **settings,
        )

    def names(self) -> set[str]:
        found = obstore.list_with_delimiter(self._store)
        return {one["path"].rpartition("/")[2] for one in found["objects"]}

    def size_bytes(self, name: str) -> int:
        return int(obstore.head(self._store, name)["size"])

    def read(self, name: str, *, offset: int = 0) -> Iterator[bytes]:
        size = self.size_bytes(name)
        while offset < size:
            length = min(_READ_BYTES, size - offset)
            data = bytes(obstore.get_range(self._store, name, start=offset, length=length))
            offset += len(data)
            if not data:
                return
            yield data

    @contextmanager
    def writer(self, name: str, *, size_bytes: int) -> Iterator[Sink]:
        part = max(_PART_BYTES, -(-size_bytes // _PARTS))
        with obstore.open_writer(self._store, name, buffer_size=part, max_concurrency=_CONCURRENT) as stream:
            # After an error in the block the upload is given up, and no object appears.
            yield stream

    def rename(self, name: str, new: str) -> None:
        obstore.rename(self._store, name, new)

    def remove(self, name: str) -> None:
        obstore.delete(self._store, name)
