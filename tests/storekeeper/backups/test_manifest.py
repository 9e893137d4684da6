"""A manifest that was changed by as little as one bit is no manifest."""

import datetime as dt
import json

from storekeeper.backups import Manifest, TableSum
from storekeeper.backups.manifest import read_manifest_text

NAME = "db_backup_20260304_050607.json.gz"
MANIFEST = Manifest(
    file=NAME,
    created=dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC),
    shop="ហាង",
    format="json",
    sha256="0" * 64,
    size_bytes=100,
    tables={"app.Order": TableSum(rows=3, checksum="1" * 64)},
    verified=dt.datetime(2026, 3, 5, tzinfo=dt.UTC),
)


def test_what_is_written_is_what_is_read() -> None:
    """Every value comes back, Khmer included."""
    assert MANIFEST == read_manifest_text(MANIFEST.text().encode(), file=NAME)


def test_no_bit_can_change_what_it_says() -> None:
    """Each bit of the text flipped in turn: either nothing can be read, or it says exactly the same."""
    text = MANIFEST.text().encode()
    read = refused = 0
    for place in range(8 * len(text)):
        changed = bytearray(text)
        changed[place // 8] ^= 1 << place % 8
        found = read_manifest_text(bytes(changed), file=NAME)
        if found is None:
            refused += 1
        else:
            read += 1
            assert MANIFEST == found
    # White space, and the letters of the seal's own key: a manifest without a seal is an older one.
    assert refused > 5 * read


def test_every_cut_is_noticed() -> None:
    """A manifest that ends too early cannot be read, wherever it ends; the last line end may be missing."""
    text = MANIFEST.text().encode()
    assert [] == [end for end in range(len(text) - 1) if read_manifest_text(text[:end], file=NAME)]


def test_keys_of_a_newer_version_are_sealed_too() -> None:
    """What this version does not know does not make the backup a stranger, and is guarded all the same."""
    said = json.loads(MANIFEST.text())
    del said["seal"]

    class Newer(Manifest):
        moon: str = "full"

    newer = Newer.model_validate(said).text()
    assert MANIFEST == read_manifest_text(newer.encode(), file=NAME)
    assert read_manifest_text(newer.replace("full", "fuml").encode(), file=NAME) is None


def test_manifest_of_another_file_is_none() -> None:
    """A manifest that was copied beside another backup does not speak for it."""
    assert read_manifest_text(MANIFEST.text().encode(), file="db_backup_20260304_050608.json.gz") is None
