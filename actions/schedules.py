"""
Schedules: cron expressions in this machine's time, each due time starting one run.

A due time that the night in spring leaves out comes when that hour is over. In the hour that autumn has twice
what is due at an hour of its own comes once, what is due by the hour comes in both.

What fell due while nothing ran is made up for once. A schedule that is new, or whose expression was
changed, begins now and makes up for nothing.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from croniter import croniter  # type: ignore[import-untyped] # ships no types

from actions.action import Action
from actions.copy_backups_offsite import CopyBackupsOffsite
from actions.ledger.ledger import Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import Trigger
from storekeeper.backups import MEDIA
from storekeeper.config import Config

# The guide's calendar, for the actions that there are.
DEFAULTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cleanup_expired_qr_codes": "0 2 * * 0",
        "backup_database": "0 3 * * *",
        "backup_media": "0 4 * * 0",
        "verify_backup": "0 5 * * *",
        "prune_backups": "30 5 * * *",
        "copy_backups_offsite": "0 6 * * *",
        # The first Sunday of a month, after that day's backups, their verification and their copies.
        "drill": "0 7 * * sun#1",
        "rotate_logs": "0 1 1 * *",
        "report_storage": "0 9 1 * *",
        "optimize_database": "0 4 1 1,4,7,10 *",
    }
)


def schedule_of(config: Config, *, actions: Mapping[str, Action[Any, Any]]) -> Mapping[str, str]:
    """Give action → cron expression: the defaults of the actions that exist, overridden by the config."""
    merged: dict[str, str | None] = {
        **{name: cron for name, cron in DEFAULTS.items() if name in actions and _has_use(name, config)},
        **config.schedule,
    }
    return MappingProxyType({name: cron for name, cron in merged.items() if cron is not None})


def _has_use(name: str, config: Config) -> bool:
    """Tell whether the shop has what the action works on; a daily run for nothing would fill the history."""
    if name == "backup_media":
        return MEDIA in config.areas
    if name == "drill":
        return bool(config.databases)
    return name != CopyBackupsOffsite.name or bool(config.backups.offsite or config.backups.media.copies)


def check_schedule(config: Config, *, actions: Mapping[str, Action[Any, Any]]) -> tuple[str, ...]:
    """Give every problem of the config's schedule, each a line for a person."""
    problems = []
    for name, cron in config.schedule.items():
        if name not in actions:
            problems.append(f"schedule.{name}: no such action; known: {', '.join(sorted(actions))}")
        if cron is not None and (len(cron.split()) != 5 or not croniter.is_valid(cron)):
            problems.append(
                f"schedule.{name}: {cron!r}: write minute hour day month weekday, such as '0 3 * * *'"
            )
    return tuple(problems)


def _by_the_hour(cron: str) -> bool:
    """Return whether an expression names no hour of its own."""
    return cron.split()[1].startswith("*")


def _came_again(due: dt.datetime, *, now: dt.datetime) -> bool:
    """Return whether a due time is one of the hour that comes twice, and has come for the second time."""
    first, second = due.replace(fold=0).astimezone(), due.replace(fold=1).astimezone()
    return first.timestamp() < second.timestamp() <= now.timestamp()


class Scheduler:
    """Accepts the runs that fell due."""

    def __init__(
        self, ledger: Ledger, *, schedule: Mapping[str, str], now: Callable[[], dt.datetime]
    ) -> None:
        self._ledger = ledger
        self._schedule = schedule
        self._now = now

    def accept_due(self) -> list[str]:
        """Accept a run for the last due time of each schedule, unless it was accepted before."""
        accepted = []
        # Wall-clock time without a zone: croniter then needs no notion of summer time.
        wall = self._now().astimezone().replace(tzinfo=None)
        for action, cron in self._schedule.items():
            due = croniter(cron, wall + dt.timedelta(seconds=1)).get_prev(dt.datetime)
            if _by_the_hour(cron) and _came_again(due, now=self._now()):
                due = due.replace(fold=1)
            key = f"{action} {cron}"
            if due.astimezone().timestamp() <= self._known_since(key):
                continue
            run = self._ledger.accept(
                NewRun(
                    trigger=Trigger.SCHEDULE,
                    who="the schedule",
                    steps=[NewStep(action=action)],
                    due_key=f"{key} {due.isoformat()}{' again' if due.fold else ''}",
                )
            )
            accepted += [run] if run else []
        return accepted

    def next_due(self) -> Mapping[str, dt.datetime]:
        """Give action → the next due time, for people."""
        wall = self._now().astimezone().replace(tzinfo=None)
        return {
            action: croniter(cron, wall).get_next(dt.datetime).astimezone()
            for action, cron in self._schedule.items()
        }

    def _known_since(self, key: str) -> float:
        with self._ledger.file.read() as connection:
            row = connection.execute("SELECT known_since FROM schedules WHERE key = ?", (key,)).fetchone()
        if row is not None:
            return float(row["known_since"])
        now = self._ledger.now()
        with self._ledger.file.write() as connection:
            connection.execute(
                "INSERT INTO schedules (key, known_since) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
                (key, now),
            )
        return now
