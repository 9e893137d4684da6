"""Bring a copy back from a place: resumed where it broke off, checked, decrypted, and only then named."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from actions.backups.manifest import write_manifest
from actions.encryption.decrypting import decrypt_backup
from actions.encryption.manifests import decrypted_manifest
from actions.offsite.copies import CopyThere
from actions.offsite.piped import Blocks
from actions.offsite.place import OffsitePlace
from storekeeper.backups import Backup, plain_name, read_manifest, sums_name
from storekeeper.encryption import Identities, decrypt_stream
from storekeeper.encryption.streams import require_identities
from storekeeper.errors import AlreadyRunning, OffsiteFailed
from storekeeper.files import PartialFile, require_free_bytes
from storekeeper.files.atomic import PARTIAL_SUFFIX, hold, sync_folder
from storekeeper.files.private import make_private_folder

_CHUNK_BYTES: Final = 1 << 20


class CopyDamaged(OffsiteFailed):
    """What lies at the place is not what was brought there."""


_FLAGS: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def fetch_copy(
    place: OffsitePlace,
    copy: CopyThere,
    *,
    folder: Path,
    identities: Identities | None = None,
    moved: Callable[[int], None] = lambda count: None,
) -> Backup:
    """
    Bring a copy into ``folder`` and give it as the backup that it was: decrypted, with manifest and sums.

    What was fetched before, whole or in part, is not fetched again: it is summed up and gone on with. Raises
    OffsiteFailed when the line breaks (what came so far stays as a partial file), when what lies there has
    another sum than its manifest says, or NotEnoughSpace; WrongIdentity and BackupRefused for what cannot be
    decrypted. No file has a backup's name before it was checked. ``moved`` hears of each piece's bytes.
    """
    make_private_folder(folder)
    manifest = copy.manifest
    whole = manifest
    if manifest.encrypted:
        identities = require_identities(identities, name=copy.name, recipients=manifest.recipients)
        # The small part first: a wrong key is told before a long way.
        whole = decrypted_manifest(manifest, identities=identities)
    final = folder / plain_name(copy.name)
    if read_manifest(final) == whole and _sums(final) == (whole.sha256, whole.size_bytes):
        return Backup(path=final, manifest=whole)
    fetched = folder / copy.name
    if not (fetched.is_file() and _sums(fetched) == (manifest.sha256, manifest.size_bytes)):
        later = whole.size_bytes if manifest.encrypted else 0
        _download(place, copy, to=fetched, later_bytes=later, moved=moved)
    if manifest.sums_file:
        # The name is ours, never the manifest's.
        _fetch_sums(place, sums_name(copy.name), folder=folder, identities=identities)
    if manifest.encrypted:
        assert identities is not None
        decrypt_backup(fetched, whole, to=final, identities=identities)
        fetched.unlink()
    write_manifest(final, whole)
    return Backup(path=final, manifest=whole)


def _download(
    place: OffsitePlace, copy: CopyThere, *, to: Path, later_bytes: int, moved: Callable[[int], None]
) -> None:
    expected = copy.manifest
    with _resumed(to) as stream:
        sums = hashlib.sha256()
        done = 0
        while data := stream.read(_CHUNK_BYTES):
            sums.update(data)
            done += len(data)
            moved(len(data))
        if done > expected.size_bytes:
            sums, done = hashlib.sha256(), 0
            stream.seek(0)
            stream.truncate()
        require_free_bytes(
            to.parent, needed_bytes=expected.size_bytes - done + later_bytes, purpose=f"the copy {copy.name}"
        )
        if done < expected.size_bytes:
            for data in place.read(copy.name, offset=done):
                stream.write(data)
                sums.update(data)
                done += len(data)
                moved(len(data))
        stream.flush()
        os.fsync(stream.fileno())
        if done < expected.size_bytes and place.size_bytes(copy.name) == expected.size_bytes:
            raise OffsiteFailed(
                f"{place.name}: of {copy.name}, {done} of {expected.size_bytes} bytes came",
                hint="Run it again: it goes on where it was broken off",
            )
        if (sums.hexdigest(), done) != (expected.sha256, expected.size_bytes):
            # Nothing of it can be gone on with.
            _partial(to).unlink()
            raise CopyDamaged(
                f"{place.name}: {copy.name} has another content than its manifest says",
                hint="It was damaged there, or on the way: run it again, then take an older copy",
            )
        _partial(to).replace(to)
    sync_folder(to.parent)


def _fetch_sums(place: OffsitePlace, name: str, *, folder: Path, identities: Identities | None) -> None:
    """Bring the sums of a backup of media; whoever reads the archive compares it with them."""
    target = folder / plain_name(name)
    if target != folder / name:
        assert identities is not None
        with PartialFile(target) as file:
            decrypt_stream(Blocks(place.read(name)), file.stream, identities=identities, name=name)
            file.finish(replace=True)
        return
    with PartialFile(target) as file:
        for data in place.read(name):
            file.stream.write(data)
        file.finish(replace=True)


@contextmanager
def _resumed(to: Path) -> Iterator[IO[bytes]]:
    """Open the partial file of an earlier try, or a new one; raises AlreadyRunning where it is written."""
    path = _partial(to)
    with os.fdopen(os.open(path, _FLAGS, 0o600), "r+b") as stream:
        if not hold(stream):
            raise AlreadyRunning(f"{path} is being written by another run", hint="Wait until that has ended")
        yield stream


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}{PARTIAL_SUFFIX}")


def _sums(path: Path) -> tuple[str, int]:
    with suppress(OSError), path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest(), stream.tell()
    return "", 0
