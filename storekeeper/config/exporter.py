"""How the exporter measures, and what it may take of the machine for that."""

from pydantic import Field

from storekeeper.config.fields import AgeField, Model
from storekeeper.units import Age


class Walk(Model):
    """How the exporter walks through the areas, and how much of the machine it may take for that."""

    full_every: AgeField = Age(seconds=86400)
    """How often every folder is read; between that only those that have changed."""
    entries_per_second: float | None = Field(default=None, gt=0)
    """The most files to look at in a second; none sets no limit."""
    share_of_time: float | None = Field(default=None, gt=0, le=1)
    """The part of the time in which to work, from 0 to 1; none sets no limit."""
    helpers: bool = True
    """Read a large folder with two processes of low priority, on Linux with two processors or more.
    A walk with a limit stays in one process."""


class Exporter(Model):
    """The exporter: where it listens and how often the slow measurements are repeated."""

    listen: str = "127.0.0.1:9731"
    """Address and port."""
    interval: AgeField = Age(seconds=60)
    """How often folders are walked and rows compared with files, beside the scrapes."""
    exact_rows_below: int = Field(default=1_000_000, ge=0)
    """Tables that the database estimates smaller than this are counted exactly."""
    walk: Walk = Walk()
    """How folders are walked."""
