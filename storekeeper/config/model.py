"""The shape of ``storekeeper.yml``; every default is the guide's."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from storekeeper.config.fields import (
    AgeField,
    FieldLabel,
    Model,
    ModelLabel,
    Name,
    PathInside,
    PlaceUrl,
    ShopPath,
    Size,
)
from storekeeper.units import Age


class DatabaseSource(Model):
    """Where a database's address comes from (exactly one of three), and how large it may grow."""

    django: str | None = None
    url: str | None = Field(default=None, repr=False)
    url_file: ShopPath | None = None
    limit: Size | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "DatabaseSource":
        if sum(source is not None for source in (self.django, self.url, self.url_file)) != 1:
            raise ValueError("give exactly one of django, url or url_file")
        return self


class Area(Model):
    """A directory tree: its limit in bytes and the folders in it that are counted apart."""

    path: ShopPath
    limit: Size | None = None
    groups: dict[Name, PathInside] = {}
    ignore: tuple[PathInside, ...] = ()
    """Patterns of files that no row names and that are wanted all the same, such as thumbnails."""


class Total(Model):
    """The limit for all databases and areas together, in bytes."""

    limit: Size | None = None


class LargeFiles(Model):
    """From which size on a file is worth a person's look."""

    over: Size = 10_000_000


class QrCodes(Model):
    """
    One kind of QR code image.

    With ``model`` its rows say when a code expires; without, the file's age decides. ``row`` tells what
    becomes of the row of a removed file: ``delete`` it, or ``clear`` its file field.
    """

    model: ModelLabel | None = None
    file: str | None = None
    expires: str | None = None
    pattern: PathInside | None = None
    area: Name = "media"
    keep: AgeField = Age(seconds=7 * 86400)
    row: Literal["delete", "clear"] = "delete"

    @model_validator(mode="after")
    def _rows_or_pattern(self) -> "QrCodes":
        given = [value is not None for value in (self.model, self.file, self.expires)]
        if any(given) and not all(given):
            raise ValueError("model, file and expires belong together: give all three or none")
        if self.model is None and self.pattern is None:
            raise ValueError("give a pattern, or model with file and expires")
        return self


class Retention(Model):
    """How many backups of each calendar period are kept."""

    daily: int = Field(default=7, ge=0)
    weekly: int = Field(default=4, ge=0)
    monthly: int = Field(default=12, ge=0)

    @model_validator(mode="after")
    def _keeps_something(self) -> "Retention":
        if not (self.daily or self.weekly or self.monthly):
            raise ValueError("a retention that keeps nothing would remove every backup")
        return self


class Backups(Model):
    """Where backups go, in which form, and for how long."""

    path: ShopPath = Path("backups")
    format: Literal["json", "native", "both"] = "json"
    compress: bool = True
    keep: Retention = Retention()
    limit: Size | None = None
    offsite: tuple[PlaceUrl, ...] = Field(default=(), repr=False)
    """Places for copies, as fsspec URLs: ``sftp://backup@host/shop``, ``s3://bucket/shop``."""
    offsite_keep: Retention | None = None
    """How many copies each place keeps; without it none is ever removed there."""
    postgresql_bin: ShopPath | None = None
    """The folder of pg_dump and pg_restore, where they are not in PATH."""


class Logs(Model):
    """When log files are archived and how long the archives stay."""

    rotate: Literal["monthly", "weekly", "daily"] = "monthly"
    keep: AgeField = Age(months=3)


class Budget(Model):
    """The most that one run may remove without a person's ``--force``, as a share of what is there."""

    files: float = Field(default=0.9, gt=0, le=1)
    bytes: float = Field(default=0.9, gt=0, le=1)
    at_least: int = Field(default=1000, ge=0)
    """A run of up to this many files is never over the budget of files or bytes."""


class Step(Model):
    """One action of a playbook with its options; ``approval: required`` waits for a person."""

    action: Name
    options: dict[str, bool | int | float | str] = {}
    approval: Literal["none", "required"] = "none"


class Playbook(Model):
    """
    What to do when an alert fires: the steps, in order.

    ``severity`` and ``resource`` narrow the alert; empty means any. With ``until_below`` the alert's
    usage ratio is read again after each step and the run stops once it is below.
    """

    alert: str
    severity: str | None = None
    resource: tuple[str, ...] = ()
    steps: tuple[Step, ...] = Field(min_length=1)
    until_below: float | None = Field(default=None, gt=0, lt=1)
    cooldown: AgeField | None = None
    runs_per_day: Annotated[int, Field(ge=1)] | None = None


class Receiver(Model):
    """The webhook receiver: where it listens, who may talk to it, how often it acts."""

    listen: str = "127.0.0.1:9732"
    token_file: ShopPath | None = None
    cooldown: AgeField = Age(seconds=3600)
    runs_per_day: int = Field(default=4, ge=1)
    step_timeout: AgeField = Age(seconds=6 * 3600)
    episode_expiry: AgeField = Age(seconds=86400)
    """An alert that is firing and was not heard of for so long is taken for ended."""
    approval_expiry: AgeField = Age(seconds=86400)


class Exporter(Model):
    """The exporter: where it listens and how often the slow measurements are repeated."""

    listen: str = "127.0.0.1:9731"
    interval: AgeField = Age(seconds=60)
    exact_rows_below: int = Field(default=1_000_000, ge=0)


class Service(Model):
    """The address of a service that storekeeper asks: Prometheus, Alertmanager."""

    url: Annotated[str, Field(pattern=r"^https?://")]


class Config(Model):
    """The whole config of one shop; all paths are absolute."""

    shop: Name
    project: Path
    python: ShopPath | None = None
    settings: str | None = None
    """The settings module, where manage.py does not name the right one."""
    databases: dict[Name, DatabaseSource] = {}
    areas: dict[Name, Area] = {}
    total: Total = Total()
    disks: Literal["auto"] | tuple[ShopPath, ...] = "auto"
    large_files: LargeFiles = LargeFiles()
    qr_codes: dict[Name, QrCodes] = {}
    references: tuple[FieldLabel, ...] = ()
    """Further fields whose text or JSON names files: rich text, custom paths. File fields are known."""
    orders: ModelLabel | None = None
    """The model whose rows are orders, for growth per 100 orders."""
    backups: Backups = Backups()
    logs: Logs = Logs()
    budget: Budget = Budget()
    schedule: dict[Name, str | None] = {}
    playbooks: dict[Name, Playbook | None] = {}
    """By name; a name of the shipped playbooks replaces that one, ``null`` switches it off."""
    exporter: Exporter = Exporter()
    receiver: Receiver = Receiver()
    prometheus: Service | None = None
    alertmanager: Service | None = None
    state: ShopPath
    """Where storekeeper keeps its own memory; best on another disk than the shop."""
