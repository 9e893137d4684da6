"""
Encrypt the backups of this machine's own folder, where ``backups.encrypt.at_rest`` says so.

A backup is written and verified in clear, for our user alone, then encrypted, decrypted once for proof as it
lies on the disk, and only then removed in clear. A crash leaves the clear one, the encrypted one, or both.
"""

from pathlib import Path
from typing import Final

from actions.backups.manifest import manifest_path, require_manifest, write_manifest
from actions.backups.packing import file_sums
from actions.encryption.manifests import is_same_backup, manifest_in_clear
from actions.offsite.piped import Blocks, CountingReader, SumSink
from storekeeper.backups import ENCRYPTED_SUFFIX, KINDS, find_backups, read_manifest, sums_name
from storekeeper.config import Config
from storekeeper.encryption import Recipients, encrypt_stream
from storekeeper.encryption.proof import PassingKey
from storekeeper.errors import BackupRefused
from storekeeper.files import PartialFile, Tree, require_free_bytes

_CHUNK_BYTES: Final = 4 << 20
# What age adds is a few bytes for each 64 KiB, and a head.
_SHARE: Final = 1.001
_HEAD_BYTES: Final = 1 << 20


def encrypts_at_rest(config: Config) -> bool:
    """Tell whether the backups here are to be encrypted."""
    return config.backups.encrypt is not None and config.backups.encrypt.at_rest


def encrypt_at_rest(path: Path, *, config: Config) -> Path:
    """
    Put the encrypted backup in the place of the clear one where the config says so; return what is there.

    Raises BackupRefused or NotEnoughSpace, and then the clear one stays. The record of a restic snapshot
    stays as it is: restic encrypts what it speaks of.
    """
    encrypt = config.backups.encrypt
    if encrypt is None or not encrypt.at_rest:
        return path
    manifest = require_manifest(path)
    if manifest.encrypted or manifest.snapshot_id:
        return path
    recipients = Recipients(encrypt.recipients)
    needed = int(manifest.size_bytes * _SHARE) + _HEAD_BYTES
    require_free_bytes(path.parent, needed_bytes=needed, purpose=f"{path.name}, encrypted,")
    final = path.with_name(path.name + ENCRYPTED_SUFFIX)
    if manifest.sums_file:
        sums = path.with_name(sums_name(path.name))
        _encrypt_file(sums, to=path.with_name(sums_name(final.name)), recipients=recipients)
    written = _encrypt_file(path, to=final, recipients=recipients, sha256=manifest.sha256)
    write_manifest(
        final,
        manifest_in_clear(
            manifest, sha256=written.sha256, size_bytes=written.size_bytes, recipients=recipients.texts
        ),
    )
    _remove_clear(path)
    return final


def remove_clear_twins(folder: Path, *, config: Config) -> None:
    """Remove what a killed run has left in clear beside its whole encrypted form."""
    if not encrypts_at_rest(config):
        return
    for kind in KINDS:
        for backup in find_backups(folder, kind=kind, shop=config.shop):
            twin = backup.path.with_name(backup.path.name + ENCRYPTED_SUFFIX)
            said = read_manifest(twin) if twin.is_file() else None
            if (
                said is not None
                and not backup.manifest.encrypted
                and is_same_backup(said, backup.manifest)
                and file_sums(twin) == (said.sha256, said.size_bytes)
            ):
                _remove_clear(backup.path)


def _encrypt_file(source: Path, *, to: Path, recipients: Recipients, sha256: str = "") -> SumSink:
    key = PassingKey(recipients)
    with Tree(source.parent) as tree, tree.open(source.name) as stream, PartialFile(to) as file:
        reader, sink = CountingReader(stream, moved=lambda count: None), SumSink(file.stream)
        encrypt_stream(reader, sink, recipients=key.recipients)
        if sha256 and reader.sha256 != sha256:
            raise BackupRefused(f"{source.name} has another content than its manifest says")

        def require_same(partial: Path) -> None:
            with partial.open("rb") as written:
                blocks = Blocks(iter(lambda: written.read(_CHUNK_BYTES), b""))
                content = key.content_sha256(blocks, name=to.name)
                blocks.drain()
            if (content, blocks.sha256) != (reader.sha256, sink.sha256):
                raise BackupRefused(f"{to.name} does not lie on the disk as it was encrypted")

        file.finish(require_same, replace=True)
    return sink


def _remove_clear(path: Path) -> None:
    """Remove the backup and then what is beside it: what a crash leaves of that is swept by the next run."""
    with Tree(path.parent) as tree:
        for name in (path.name, sums_name(path.name), manifest_path(path).name):
            if (file := tree.find(name)) is not None:
                tree.remove(file)
