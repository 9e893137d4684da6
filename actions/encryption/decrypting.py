"""Decrypt a backup to a file: into a partial one, checked with the whole manifest, and only then named."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from actions.encryption.manifests import decrypted_manifest
from actions.offsite.piped import SumSink
from storekeeper.backups import Manifest, plain_name
from storekeeper.encryption import Identities, decrypt_stream
from storekeeper.encryption.streams import require_identities
from storekeeper.errors import BackupRefused
from storekeeper.files import PartialFile, Tree, require_free_bytes
from storekeeper.files.atomic import hold, is_being_written
from storekeeper.files.private import make_private_folder

_PREFIX: Final = "decrypted-"
# A lock on it says that whoever made the folder is still at work.
_HELD: Final = ".held"
_BEGINNING_SECONDS: Final = 3600


def decrypt_backup(encrypted: Path, whole: Manifest, *, to: Path, identities: Identities) -> None:
    """
    Decrypt the file to ``to``, replacing what is there; raises BackupRefused, and then nothing has the name.

    ``whole`` is its decrypted manifest: the content must be the one that it speaks of.
    """
    require_free_bytes(to.parent, needed_bytes=whole.size_bytes, purpose=f"{encrypted.name}, decrypted,")
    with Tree(encrypted.parent) as tree, tree.open(encrypted.name) as source, PartialFile(to) as file:
        sink = SumSink(file.stream)
        decrypt_stream(source, sink, identities=identities, name=encrypted.name)
        if (sink.sha256, sink.size_bytes) != (whole.sha256, whole.size_bytes):
            raise BackupRefused(
                f"{encrypted.name} holds something else than its manifest says",
                hint="Take another copy, or an older backup",
            )
        file.finish(replace=True)


def _sweep(folder: Path) -> None:
    """Remove what a killed run has left decrypted."""
    for one in folder.glob(f"{_PREFIX}*"):
        held = one / _HELD
        began = time.time() - one.lstat().st_mtime < _BEGINNING_SECONDS
        if one.is_dir() and not is_being_written(held) and (held.exists() or not began):
            shutil.rmtree(one, ignore_errors=True)


@contextmanager
def readable_backup(
    path: Path, manifest: Manifest, *, identities: Identities | None, folder: Path
) -> Iterator[tuple[Path, Manifest]]:
    """
    Yield the backup as it can be read: itself, or decrypted into a private folder below ``folder``.

    The sums of a backup of media lie beside it. What was decrypted is gone after the block. Raises
    ConfigurationError where it is encrypted and no identity is given, WrongIdentity, BackupRefused for a
    damaged one, NotEnoughSpace.
    """
    if not manifest.encrypted:
        yield path, manifest
        return
    identities = require_identities(identities, name=path.name, recipients=manifest.recipients)
    whole = decrypted_manifest(manifest, identities=identities)
    make_private_folder(folder)
    _sweep(folder)
    with (
        TemporaryDirectory(prefix=_PREFIX, dir=folder) as private,
        Path(private, _HELD).open("xb") as held,
    ):
        hold(held)
        plain = Path(private, plain_name(path.name))
        if manifest.sums_file:
            sums = path.with_name(manifest.sums_file)
            with (
                Tree(sums.parent) as tree,
                tree.open(sums.name) as source,
                PartialFile(Path(private, plain_name(sums.name))) as file,
            ):
                decrypt_stream(source, file.stream, identities=identities, name=sums.name)
                file.finish()
        decrypt_backup(path, whole, to=plain, identities=identities)
        yield plain, whole
