"""Restore the snapshot of a record, from whichever repository has it and with the password that opens it."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from actions.action import Context
from actions.backups.restic.records import repository_for
from actions.backups.restic.repository import Repository, copies_of, repository_of
from actions.backups.restic.restore import restore_snapshot
from actions.backups.restic.snapshots import find_snapshot
from storekeeper.backups import Backup
from storekeeper.errors import BackupRefused, StorekeeperError
from storekeeper.files.private import make_private_folder

# The area's own rights are not in a snapshot, whose top it is.
_FOLDER_MODE = 0o755


def restore_record(
    context: Context, record: Backup, *, into: Path, like: Path, passwords: Sequence[bytes] = ()
) -> None:
    """
    Restore the files of a record's snapshot into the folder ``into``, which gets the rights of ``like``.

    Copies away from the machine come first, then the repository that it was made in. ``passwords`` are tried
    where the password file of the config is not there. Raises BackupRefused with what each repository said.
    """
    problems = []
    with _password_files(context, passwords) as files:
        for repository in _repositories(context, record, files=files):
            try:
                found = find_snapshot(repository, record.manifest.snapshot_id, shop=context.config.shop)
                restore_snapshot(
                    repository, found.id, target=into, report=context.report, cancelled=context.cancelled
                )
            except StorekeeperError as error:
                problems.append(f"{repository.label}: {error.message}")
                if any(into.iterdir()):
                    # Half of it has come: what is damaged there is not made whole by more of the same.
                    raise
                continue
            into.chmod(like.stat().st_mode & 0o2777 if like.is_dir() else _FOLDER_MODE)
            return
    raise BackupRefused(
        f"no repository gives snapshot {record.manifest.snapshot_id[:8]}: {'; '.join(problems)}",
        hint="Name the repository and its password_file in backups.media of the config",
    )


def _repositories(context: Context, record: Backup, *, files: Sequence[Path]) -> Iterator[Repository]:
    main = repository_of(context.config)
    own = repository_for(record.manifest, folder=record.path.parent, repository=main)
    # By their places: what restic needs beside is the same for all.
    for repository in {one.location: one for one in (*copies_of(context.config), own, main)}.values():
        if repository.password_file.exists() or not files:
            yield repository
        else:
            yield from (replace(repository, password_file=file) for file in files)


@contextmanager
def _password_files(context: Context, passwords: Sequence[bytes]) -> Iterator[list[Path]]:
    """Write the passwords to files that are ours alone, and remove them afterwards."""
    folder = context.config.state / "scratch" / f"passwords-{secrets.token_hex(6)}"
    if not passwords:
        yield []
        return
    make_private_folder(folder)
    files = []
    try:
        for number, password in enumerate(passwords):
            path = folder / str(number)
            path.touch(mode=0o600)
            path.write_bytes(password)
            files.append(path)
        yield files
    finally:
        for path in files:
            path.unlink(missing_ok=True)
        folder.rmdir()
