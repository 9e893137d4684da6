"""What a Django project says about itself: databases, folders, logs and models."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class FileField(_Part):
    """A FileField or ImageField; ``storage_location`` is the folder of its files, None when not local."""

    name: str
    column: str
    upload_to: str
    storage_location: Path | None
    made_by_function: bool = False
    """Whether code makes the names, so that ``upload_to`` does not tell the folder."""


class ModelDescription(_Part):
    """A concrete model: its label ``app.Model``, its table, the database alias it is read from."""

    label: str
    table: str
    database: str
    managed: bool
    primary_key: str
    primary_key_column: str
    file_fields: tuple[FileField, ...] = ()
    timestamps: dict[str, str] = Field(default_factory=dict)
    """Date-time fields: name → column."""
    other_databases: tuple[str, ...] = ()
    """Aliases that may have the model's table as well, with rows of their own."""
    kinds: dict[str, str] = Field(default_factory=dict)
    """What each field is: name → ``DateTimeField``, ``DateField``, or the name of any other class."""
    migrated_in: tuple[str, ...] = ()
    """Aliases that the routers let have the model's table: a backup by such an alias holds its rows."""
    columns: dict[str, tuple[str, str]] = Field(default_factory=dict)
    """Where each field is stored: name → (table, column)."""
    path_fields: tuple[str, ...] = ()
    """Fields of the model that hold the path of a file, and are no file fields."""

    def file_field(self, name: str) -> FileField | None:
        """Give the file field of that name."""
        return next((field for field in self.file_fields if field.name == name), None)


class LogFile(_Part):
    """A file that a LOGGING handler writes, with the handler's class."""

    path: Path
    handler: str


class Cache(_Part):
    """
    A folder that a package fills with images of its own making, by its settings; it need not exist.

    ``folder`` is its path; else every folder of that ``name`` is one.
    """

    package: str
    folder: Path | None = None
    name: str = ""


class UsedStorage(_Part):
    """
    A place that Django puts uploads in.

    ``location`` is its folder, None where files have no path on this machine, as in an object store. ``name``
    is its alias in the shop's settings, ``""`` for one that a field brings along. ``fields`` are the file
    fields that use it, as ``app.Model.field``.
    """

    name: str
    backend: str
    location: Path | None
    fields: tuple[str, ...] = ()


class ShopDescription(_Part):
    """The whole project; ``databases`` holds Django's settings with passwords and is never shown."""

    django_version: str
    python_version: str
    settings_module: str
    time_zone: str
    use_tz: bool
    base_dir: Path | None
    media_root: Path | None
    media_url: str
    static_root: Path | None
    static_dirs: tuple[Path, ...]
    log_files: tuple[LogFile, ...]
    databases: dict[str, dict[str, Any]] = Field(repr=False)
    models: tuple[ModelDescription, ...]
    caches: tuple[Cache, ...] = ()
    code: tuple[Path, ...] = ()
    """Folders of the shop's own code and templates, which may name files."""
    texts: tuple[str, ...] = Field(default=(), repr=False)
    """Texts of the settings and defaults of file fields that may name files."""
    storages: tuple[UsedStorage, ...] = ()

    def model(self, label: str) -> ModelDescription | None:
        """Give the model ``app.Model``, whatever the case of its letters."""
        return next((model for model in self.models if model.label.lower() == label.lower()), None)
