"""
Signs of the shop's life: when its rows and files were last written, and when its backups were made.

Files and rows speak for the clock, since somebody wrote them while it said so. Logs, backups and runs are
written by this machine whether or not anybody is there; they fill the timeline, and speak for the clock only
where the shop has nothing else.
"""

import enum
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from actions.clock.timeline import DAY_SECONDS
from actions.ledger.last_runs import done_moments
from actions.logs.search import log_areas
from storekeeper.backups import KINDS, find_backups
from storekeeper.config import Config
from storekeeper.errors import StorekeeperError
from storekeeper.files import Tree
from storekeeper.shop import Shop

# A file of this very moment may be a bit newer than what the clock said just before.
SLACK_SECONDS: Final = 300.0


class Kind(enum.StrEnum):
    """What a sign is."""

    ROW = "row"
    FILE = "file"
    LOG = "log"
    BACKUP = "backup"
    RUN = "run"


@dataclass(frozen=True, kw_only=True)
class Signs:
    """
    What one witness saw: the newest moment of each day, newest first, in seconds since 1970.

    ``what`` names the witness for an operator, such as ``the newest row of app.Order.created``.
    """

    kind: Kind
    what: str
    moments: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class ServerClock:
    """What the clock of a database server on another host said, and ours at the same moment."""

    database: str
    moment: float
    ours: float


@dataclass(frozen=True, kw_only=True)
class Witnesses:
    """All that can be asked when the clock is in doubt."""

    signs: tuple[Signs, ...]
    servers: tuple[ServerClock, ...] = ()


def find_witnesses(config: Config, *, shop: Shop, now: float) -> Witnesses:
    """
    Look at files, rows, backups and runs; nothing later than ``now`` is a sign.

    A shop that does not answer gives no rows, an area that cannot be read no files.
    """
    rows, servers = _of_the_shop(shop, now=now)
    signs = [*rows, *_of_files(config, now=now), *_of_backups(config, now=now)]
    if runs := done_moments(config, before=now):
        signs.append(Signs(kind=Kind.RUN, what="the last run", moments=_by_day(runs)))
    return Witnesses(signs=tuple(one for one in signs if one.moments), servers=tuple(servers))


def _of_the_shop(shop: Shop, *, now: float) -> tuple[list[Signs], list[ServerClock]]:
    rows: list[Signs] = []
    servers: list[ServerClock] = []
    with suppress(StorekeeperError), shop.talk() as conversation:
        for answer in conversation.stream("signs_of_life", now=now + SLACK_SECONDS):
            if "clock" in answer:
                servers.append(
                    ServerClock(database=answer["database"], moment=answer["clock"], ours=answer["ours"])
                )
            else:
                rows.append(
                    Signs(
                        kind=Kind.ROW,
                        what=f"the newest row by {answer['field']}",
                        moments=_by_day(answer["moments"]),
                    )
                )
    return rows, servers


def _of_files(config: Config, *, now: float) -> Iterator[Signs]:
    logs = log_areas(config)
    for name, area in config.areas.items():
        if not area.path.is_dir():
            continue
        days: dict[int, float] = {}
        newest, newest_name = float("-inf"), ""
        with suppress(StorekeeperError, OSError), Tree(area.path) as tree:
            for file in tree.walk():
                # A copied-in file keeps an old mtime, and anybody may set one that lies ahead.
                past = [
                    moment
                    for moment in (file.modified, file.changed_ns / 1e9)
                    if moment <= now + SLACK_SECONDS
                ]
                if not past:
                    continue
                moment = max(past)
                day = int(moment // DAY_SECONDS)
                days[day] = max(days.get(day, moment), moment)
                if moment > newest:
                    newest, newest_name = moment, file.name
        shown = newest_name.encode("utf-8", "backslashreplace").decode("utf-8")
        yield Signs(
            kind=Kind.LOG if name in logs else Kind.FILE,
            what=f"the newest file of {name} ({shown})",
            moments=tuple(sorted(days.values(), reverse=True)),
        )


def _of_backups(config: Config, *, now: float) -> Iterator[Signs]:
    with suppress(StorekeeperError, OSError):
        made = [
            moment
            for kind in KINDS
            for one in find_backups(config.backups.path, kind=kind, shop=config.shop)
            if (moment := one.manifest.created.timestamp()) <= now + SLACK_SECONDS
        ]
        yield Signs(kind=Kind.BACKUP, what="the newest backup", moments=_by_day(made))


def _by_day(moments: Sequence[float]) -> tuple[float, ...]:
    """Return the newest moment of each day, the newest day first."""
    days: dict[int, float] = {}
    for moment in moments:
        day = int(moment // DAY_SECONDS)
        days[day] = max(days.get(day, moment), moment)
    return tuple(sorted(days.values(), reverse=True))
