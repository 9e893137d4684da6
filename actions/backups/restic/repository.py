"""A repository of restic: where it is, and what is needed to open it."""

import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from storekeeper.config import Config
from storekeeper.config.media import DEFAULT_REPOSITORY, local_path
from storekeeper.errors import ConfigurationError
from storekeeper.files.atomic import sync_folder

PASSWORD_FILE: Final = "restic-password"  # noqa: S105 - the name of a file
_CACHE: Final = "restic-cache"
# A check or a prune of a large repository takes that long; who waits longer is told who holds it.
_PATIENCE_SECONDS: Final = 3600.0

_PASSWORD: Final = re.compile(r"://[^/@\s]*@")
# Settings of the user's own shell must not lead us to another repository.
_SILENCED: Final = ("RESTIC_PASSWORD", "RESTIC_PASSWORD_COMMAND", "RESTIC_REPOSITORY_FILE", "RESTIC_KEY_HINT")


@dataclass(frozen=True, kw_only=True)
class Repository:
    """
    A repository and the file with its password. ``location`` is as restic writes it and may hold a password.

    ``environment`` is what restic needs beside, such as the keys of an object store.
    """

    location: str = field(repr=False)
    password_file: Path
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    cache: Path | None = None
    program: str = "restic"
    patience_seconds: float = field(default_factory=lambda: _PATIENCE_SECONDS)
    """How long to wait for another restic that holds the repository."""

    @property
    def path(self) -> Path | None:
        """Return its folder on this machine, None where it is elsewhere."""
        return local_path(self.location)

    @property
    def label(self) -> str:
        """Return its location for an operator, without a password."""
        return redacted(self.location)

    def at(self, location: str) -> "Repository":
        """Return another repository with the same password."""
        return replace(self, location=location)

    def variables(self, *, source: "Repository | None" = None) -> dict[str, str]:
        """Return the environment of restic; ``source`` is the repository that is copied from."""
        mine = {
            **dict.fromkeys(_SILENCED, ""),
            # Moments are given and told in UTC.
            "TZ": "UTC",
            "RESTIC_PROGRESS_FPS": "2",
            **self.environment,
            "RESTIC_REPOSITORY": self.location,
            "RESTIC_PASSWORD_FILE": str(self.password_file),
        }
        if self.cache is not None:
            mine["RESTIC_CACHE_DIR"] = str(self.cache)
        if source is not None:
            mine |= {
                "RESTIC_FROM_REPOSITORY": source.location,
                "RESTIC_FROM_PASSWORD_FILE": str(source.password_file),
            }
        return mine

    def without_passwords(self, words: str) -> str:
        """Return what a program said, without the passwords that it may have repeated."""
        for secret in self.environment.values():
            if len(secret) > 3:
                words = words.replace(secret, "***")
        return redacted(words.replace(self.location, self.label))


def redacted(location: str) -> str:
    """Return a location without user and password before an ``@``."""
    return _PASSWORD.sub("://***@", location)


def repository_of(config: Config) -> Repository:
    """Return the repository of the config's media; raises ConfigurationError for an unreadable file."""
    media = config.backups.media
    location = media.repository or str(config.backups.path / DEFAULT_REPOSITORY)
    return Repository(
        location=absolute(location, config=config),
        password_file=media.password_file or config.state / PASSWORD_FILE,
        environment={**_file_lines(media.environment_file), **media.environment},
        cache=config.state / _CACHE,
    )


def copies_of(config: Config) -> tuple[Repository, ...]:
    """Return the repositories to which each snapshot is copied."""
    main = repository_of(config)
    return tuple(main.at(absolute(one, config=config)) for one in config.backups.media.copies)


def absolute(location: str, *, config: Config) -> str:
    """Return a location whose folder, if it is one of this machine, counts from the project."""
    path = local_path(location)
    return location if path is None else str(config.project / path.expanduser())


def make_password(repository: Repository) -> bool:
    """
    Make the password of a new repository, in a file that its owner alone can read.

    Returns False where the file is there already. Whole or absent, and never replaced.
    """
    path = repository.password_file
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # 0600 from the first byte.
    descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(32) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        try:
            # Unlike a rename it never replaces what another run has made meanwhile.
            os.link(partial, path)
        except FileExistsError:
            return False
    finally:
        Path(partial).unlink()
    sync_folder(path.parent)
    return True


def _file_lines(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"backups.media.environment_file: {path} cannot be read: {error}",
            hint="It holds lines NAME=VALUE, such as AWS_ACCESS_KEY_ID=…",
        ) from None
    pairs = (line.strip().removeprefix("export ").partition("=") for line in lines)
    return {
        name.strip(): value.strip().strip("'\"")
        for name, sign, value in pairs
        if sign and not name.startswith("#")
    }
