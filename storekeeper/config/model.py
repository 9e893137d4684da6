"""The shape of ``storekeeper.yml``; every default is the guide's."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, PrivateAttr, model_validator

from storekeeper.config.encryption import Encryption
from storekeeper.config.exporter import Exporter
from storekeeper.config.fields import (
    AgeField,
    FieldLabel,
    HostName,
    Model,
    ModelLabel,
    Name,
    PathInside,
    PlaceUrl,
    ShopPath,
    Size,
)
from storekeeper.config.media import Media
from storekeeper.config.recovery import Recovery
from storekeeper.config.retention import Retention
from storekeeper.config.services import Notify, Service
from storekeeper.units import Age


class DatabaseSource(Model):
    """Where a database's address comes from (exactly one of three), and how large it may grow."""

    django: str | None = None
    """An alias of the shop's ``DATABASES``; its address is taken from the settings at each start."""
    url: str | None = Field(default=None, repr=False)
    """``postgresql://…`` or ``sqlite:///…``; ``${NAME}`` in it is taken from the environment."""
    url_file: ShopPath | None = None
    """A file that holds such a URL."""
    limit: Size | None = None
    """How large it may grow; alerts come at 80, 90 and 95 % of it."""

    @model_validator(mode="after")
    def _one_source(self) -> "DatabaseSource":
        if sum(source is not None for source in (self.django, self.url, self.url_file)) != 1:
            raise ValueError("give exactly one of django, url or url_file")
        return self


class ServerAddress(Model):
    """The address of a server, exactly one of two. It names a database there to connect to."""

    url: str | None = Field(default=None, repr=False)
    """``postgresql://…``; ``${NAME}`` in it is taken from the environment."""
    url_file: ShopPath | None = None
    """A file that holds such a URL."""

    @model_validator(mode="after")
    def _one_source(self) -> "ServerAddress":
        if (self.url is None) == (self.url_file is None):
            raise ValueError("give either url or url_file")
        if self.url is not None and not self.url.startswith(("postgresql://", "postgres://")):
            raise ValueError("its URL must begin with postgresql://")
        return self


class Area(Model):
    """A directory tree: its limit in bytes and the folders in it that are counted apart."""

    path: ShopPath
    """The folder."""
    limit: Size | None = None
    """How large it may grow; alerts come at 80, 90 and 95 % of it."""
    groups: dict[Name, PathInside] = {}
    """Folders in it that are counted apart, by name."""
    ignore: tuple[PathInside, ...] = ()
    """Patterns of files that no row names and that are wanted all the same, such as thumbnails."""
    uploads: tuple[PathInside, ...] = ()
    """
    More folders whose unnamed files may be orphans, with all folders in them. Without it, only those that an
    ``upload_to`` says, and those in which rows name files.
    """


class Total(Model):
    """The limit for all databases and areas together, in bytes."""

    limit: Size | None = None
    """How large all of it may grow; alerts come at 80, 90 and 95 % of it."""


class LargeFiles(Model):
    """From which size on a file is worth a person's look."""

    over: Size = 10_000_000
    """Files larger than this are counted and listed."""


class QrCodes(Model):
    """
    One kind of QR code image.

    With ``model`` its rows say when a code expires; without, the file's age decides. ``row`` tells what
    becomes of the row of a removed file: ``delete`` it, or ``clear`` its file field.
    """

    model: ModelLabel | None = None
    """The model whose rows name the images, as ``app.Model``."""
    file: str | None = None
    """Its file field."""
    expires: str | None = None
    """Its field that says when a code expires."""
    pattern: PathInside | None = None
    """Which files are codes of this kind, such as ``qr_codes/qr_MD*.png``."""
    area: Name = "media"
    """The area in which they lie."""
    keep: AgeField = Age(seconds=7 * 86400)
    """How long an expired code stays; a code without a row: how long after its file was written."""
    row: Literal["delete", "clear"] = "delete"
    """What becomes of the row of a removed image: ``delete`` it, or ``clear`` its file field."""

    @model_validator(mode="after")
    def _rows_or_pattern(self) -> "QrCodes":
        given = [value is not None for value in (self.model, self.file, self.expires)]
        if any(given) and not all(given):
            raise ValueError("model, file and expires belong together: give all three or none")
        if self.model is None and self.pattern is None:
            raise ValueError("give a pattern, or model with file and expires")
        return self


class Backups(Model):
    """Where backups go, in which form, and for how long."""

    path: ShopPath = Path("backups")
    """The folder of the backups."""
    format: Literal["json", "native", "both"] = "json"
    """``json`` for ``loaddata``, ``native`` for the database's own tools, or ``both``."""
    compress: bool = True
    """
    Whether JSON, and a native copy of SQLite, is packed with gzip. A native dump of PostgreSQL always is, at
    gzip's level 1: about a tenth larger than at pg_dump's own level, in half the time.
    """
    keep: Retention = Retention()
    """How many verified backups stay."""
    media: Media = Media()
    """How the uploaded files are backed up."""
    limit: Size | None = None
    """How large the folder may grow; alerts come at 80, 90 and 95 % of it."""
    offsite: tuple[PlaceUrl, ...] = Field(default=(), repr=False)
    """
    Places for copies, as URLs: ``sftp://backup@host/shop``, ``s3://bucket/shop``, ``gs://…``, ``az://…``,
    ``file:///mnt/disk/shop``.
    """
    offsite_keep: Retention | None = None
    """How many copies each place keeps; without it none is ever removed there."""
    encrypt: Encryption | None = None
    """What goes to ``offsite`` is encrypted; without it, whoever has the place can read the copies."""
    postgresql_bin: ShopPath | None = None
    """The folder of pg_dump and pg_restore, where they are not in PATH."""
    verify_on: ServerAddress | None = None
    """
    Another PostgreSQL server, on which backups are tried. Without it scratch databases are made beside the
    shop's own, which needs a role with CREATEDB. It must be as new, and have the same extensions.
    """


class Logs(Model):
    """When log files are archived and how long the archives stay."""

    rotate: Literal["monthly", "weekly", "daily"] = "monthly"
    """When lines go to an archive: when their month, week or day is over."""
    keep: AgeField = Age(months=3)
    """How long archives stay."""
    include: tuple[str, ...] = ()
    """Names of logs that do not end with ``.log``, such as ``access_log`` or ``*.txt``."""


class Budget(Model):
    """The most that one run may remove without a person's ``--force``, as a share of what is there."""

    files: float = Field(default=0.9, gt=0, le=1)
    """The share of the files that are there."""
    bytes: float = Field(default=0.9, gt=0, le=1)
    """The share of their bytes."""
    at_least: int = Field(default=20, ge=0)
    """A run of up to this many files is never over the budget of files or bytes."""


EMERGENCY: Final = "emergency"


class Step(Model):
    """One action of a playbook with its options; ``approval: required`` waits for a person."""

    action: Name
    """The action, such as ``cleanup_expired_qr_codes``."""
    options: dict[str, bool | int | float | str] = {}
    """Its options as on the command line, with ``_`` for ``-``; ``force`` is a person's alone."""
    approval: Literal["none", "required"] = "none"
    """``required``: the run waits here for a person."""


class Playbook(Model):
    """
    What to do when an alert fires: the steps, in order.

    ``level``, ``severity`` and ``resource`` narrow the alert; empty means any. With ``until_below`` the
    alert's usage ratio is read again after each step and the run stops once it is below.
    """

    alert: str
    """The alert's name."""
    level: str | None = None
    """Its label ``level``: ``warning``, ``critical`` or ``emergency``; without it any."""
    severity: str | None = None
    """Its label ``severity``; without it any. ``emergency`` is a level and is read as one."""
    resource: tuple[str, ...] = ()
    """Its label ``resource``, one of these; empty is any."""
    steps: tuple[Step, ...] = Field(min_length=1)
    """What runs, in order."""
    until_below: float | None = Field(default=None, gt=0, lt=1)
    """The run ends after the step that brings the usage below this share, such as 0.85."""
    cooldown: AgeField | None = None
    """Instead of ``receiver.cooldown``."""
    runs_per_day: Annotated[int, Field(ge=1)] | None = None
    """Instead of ``receiver.runs_per_day``."""

    @model_validator(mode="before")
    @classmethod
    def _emergency_is_a_level(cls, values: Any) -> Any:
        # An emergency is critical in severity: no severity of its own goes through everybody's routes.
        if isinstance(values, dict) and values.get("severity") == EMERGENCY and not values.get("level"):
            return {**values, "severity": None, "level": EMERGENCY}
        return values


class Receiver(Model):
    """The webhook receiver: where it listens, who may talk to it, how often it acts."""

    listen: str = "127.0.0.1:9732"
    """Address and port; beyond the loopback address it starts only with authentication."""
    token_file: ShopPath | None = None
    """A file with the token that callers send; without it the receiver makes one in its state folder."""
    requests_per_minute: int = Field(default=30_000, ge=60)
    """
    More from one client must wait: 429, at the webhook 503, after which Alertmanager tries again. Who shows a
    credential has an allowance of their own.
    """
    failed_logins_per_minute: int = Field(default=30, ge=1)
    """After so many wrong passwords or tokens a client must wait; right ones that are known still pass."""
    cooldown: AgeField = Age(seconds=3600)
    """A playbook runs again for the same resource only after this, whatever alert asks for it."""
    runs_per_day: int = Field(default=4, ge=1)
    """The most runs of a playbook for one resource within a day; then ``ActionsExhausted`` calls a person."""
    step_timeout: AgeField = Age(seconds=6 * 3600)
    """How long one step may take; one that hangs beyond it is ended by a new start of the receiver."""
    episode_expiry: AgeField = Age(seconds=86400)
    """An alert that is firing and was not heard of for so long is taken for ended."""
    approval_expiry: AgeField = Age(seconds=86400)
    """A step that has waited so long for a person is given up."""
    history: AgeField = Age(seconds=400 * 86400)
    """How long runs that have ended are kept, with their logs; never less than two days."""
    url: Annotated[str, Field(pattern=r"^https?://[^/@]+(/.*)?$")] | None = None
    """The address at which people reach the page, for links; default: the one that it listens on."""
    notify: Notify = Notify()
    """How the outcome of each run is told."""


FILLED_IN: Final = frozenset({"project", "state", "host"})
"""The keys of Config that are filled in where the file does not name them."""


class Config(Model):
    """The whole config of one shop; all paths are absolute."""

    _text: str = PrivateAttr(default="")

    shop: Name
    """The shop's name; the label ``shop`` of its metrics and alerts."""
    host: HostName
    """The machine; the label ``host`` of its disks. Without it, the name that the machine gives itself."""
    project: Path
    """The folder of manage.py; relative paths count from it. Without it, the folder of the config."""
    python: ShopPath | None = None
    """The shop's own interpreter; without it the one that is found beside the project."""
    settings: str | None = None
    """The settings module, where manage.py does not name the right one."""
    databases: dict[Name, DatabaseSource] = {}
    """The databases, by name."""
    areas: dict[Name, Area] = {}
    """The directory trees, by name: ``media``, ``static``, ``logs`` and others."""
    total: Total = Total()
    """All databases and areas together."""
    disks: Literal["auto"] | tuple[ShopPath, ...] = "auto"
    """Folders whose filesystems are measured; ``auto`` is those that hold the above."""
    large_files: LargeFiles = LargeFiles()
    """What counts as a large file."""
    qr_codes: dict[Name, QrCodes] = {}
    """The kinds of QR codes, by name."""
    references: tuple[FieldLabel, ...] = ()
    """
    Fields whose text or JSON names many files, such as rich text. Every column of every table is searched
    for names in any case; the tables of these fields first, which makes it faster.
    """
    orders: ModelLabel | None = None
    """The model whose rows are orders, for growth per 100 orders."""
    backups: Backups = Backups()
    """Backups of the databases and of the media."""
    recovery: Recovery = Recovery()
    """What a recovery must reach, and what ``drill`` checks."""
    logs: Logs = Logs()
    """The rotation of logs."""
    budget: Budget = Budget()
    """The most that one run may remove."""
    schedule: dict[Name, str | None] = {}
    """Cron expressions by action, in place of the shipped ones; ``null`` switches one off."""
    playbooks: dict[Name, Playbook | None] = {}
    """By name; a name of the shipped playbooks replaces that one, ``null`` switches it off."""
    exporter: Exporter = Exporter()
    """The exporter."""
    receiver: Receiver = Receiver()
    """The webhook receiver."""
    prometheus: Service | None = None
    """Where ``storage_info`` asks for the growth of the last month; else the one of ``storekeeper up``."""
    alertmanager: Service | None = None
    """Where the outcome of each run is told, as an alert; else the one of ``storekeeper up``."""
    grafana: Service | None = None
    """Where the outcome of each run is told, as an annotation."""
    state: ShopPath
    """
    Where storekeeper keeps its own memory of this one shop; best on another disk than the shop. Without it,
    a folder with the shop's name in ``~/.local/state/storekeeper`` (Windows:
    ``%LOCALAPPDATA%\\storekeeper``), or what ``STOREKEEPER_STATE`` says.
    """

    @property
    def text(self) -> str:
        """Return the text that the config was read from, empty where there was none."""
        return self._text

    def with_text(self, text: str) -> "Config":
        """Return the config with the text that it was read from."""
        copy = self.model_copy()
        copy._text = text
        return copy
