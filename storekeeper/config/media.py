"""``backups.media``: which engine keeps the uploaded files, and where its repository is."""

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from storekeeper.config.fields import AgeField, Model, ShopPath
from storekeeper.config.retention import Retention
from storekeeper.units import Age

DEFAULT_REPOSITORY: Final = "media.restic"
"""The folder of the repository below ``backups.path``, where the config names none."""

_BACKENDS: Final = ("local", "sftp", "rest", "s3", "swift", "b2", "azure", "gs", "rclone")
# One letter is a drive of Windows.
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def local_path(location: str) -> Path | None:
    """Return the folder that a repository's location names, None where it is away from this machine."""
    scheme = _SCHEME.match(location)
    if scheme is None:
        return Path(location)
    return Path(location.removeprefix("local:")) if scheme[1] == "local" else None


def _location(value: str) -> str:
    scheme = _SCHEME.match(value)
    if not value or (scheme is not None and scheme[1] not in _BACKENDS):
        raise ValueError(f"write a folder, or one of {', '.join(f'{name}:…' for name in _BACKENDS[1:])}")
    return value


def _environment(value: dict[str, str]) -> dict[str, str]:
    if wrong := [name for name in value if not _VARIABLE.fullmatch(name)]:
        raise ValueError(f"{wrong[0]!r} is no name of an environment variable")
    if taken := [name for name in value if name.startswith("RESTIC_")]:
        raise ValueError(f"{taken[0]} is set by storekeeper; repository and password_file say the same")
    return value


Location = Annotated[str, AfterValidator(_location)]
"""A repository as restic writes it: a folder, ``sftp:user@host:/folder``, ``s3:https://host/bucket``."""


class Media(Model):
    """How the uploaded files are backed up."""

    engine: Literal["archive", "restic"] = "archive"
    """
    ``archive`` writes one whole ``.tar.gz`` each time: for up to about 5 GB of files. ``restic`` keeps what
    is new, encrypted and deduplicated, in a repository.
    """
    repository: Location | None = Field(default=None, repr=False)
    """
    Restic's repository: a folder, ``sftp:…``, ``s3:…``, as restic writes it. Without it, the folder
    ``media.restic`` in ``backups.path``.
    """
    copies: tuple[Location, ...] = Field(default=(), repr=False)
    """More repositories, to which each snapshot is copied; they have the same password."""
    password_file: ShopPath | None = None
    """
    The file with the repository's password. Without it, storekeeper makes one in its state folder. Keep a
    copy away from this machine: without it nobody can restore.
    """
    environment: Annotated[dict[str, str], AfterValidator(_environment)] = Field(default={}, repr=False)
    """What restic needs to reach the repository, such as ``AWS_ACCESS_KEY_ID: ${AWS_ACCESS_KEY_ID}``."""
    environment_file: ShopPath | None = None
    """A file of such lines ``NAME=VALUE``."""
    keep: Retention | None = None
    """How many verified backups of files stay, instead of ``backups.keep``."""
    check: AgeField = Age(seconds=30 * 86400)
    """Each day's ``verify_backup`` reads another part of the repository; all is read within this time."""

    @model_validator(mode="before")
    @classmethod
    def _of_restic_alone(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("engine", "archive") == "archive":
            others = sorted(set(values) & set(cls.model_fields) - {"engine", "keep"})
            if others:
                raise ValueError(f"{others[0]} is for restic alone; write engine: restic")
        return values

    def folders(self, project: Path) -> tuple[Path, ...]:
        """Return the folders on this machine that are named as repositories."""
        named = (*((self.repository,) if self.repository else ()), *self.copies)
        return tuple(project / path for location in named if (path := local_path(location)) is not None)

    @property
    def check_parts(self) -> int:
        """Return the number of parts of which one is read each day."""
        return max(1, round(self.check.months * 30 + self.check.seconds / 86400))
