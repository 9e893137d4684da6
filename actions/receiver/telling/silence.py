"""A silence in Alertmanager for each alert that a run works on: made at its start, removed at its end."""

import datetime as dt
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from actions.ledger.file import LedgerFile
from actions.ledger.schema import RunState, Trigger
from storekeeper.config.services import Service
from storekeeper.errors import StorekeeperError
from storekeeper.units import Age
from storekeeper.web.outgoing import ServiceFailed, ask

logger = logging.getLogger(__name__)

PAUSES_SECONDS: Final = (5.0, 15.0, 60.0, 300.0)
_COMMENT: Final = "A run of storekeeper works on this alert: {run}"
_RUN: Final = re.compile(r": (\d{8}-\d{6}-[0-9a-f]{8})$")


class Silencer:
    """
    Keeps Alertmanager's silences of ours like the runs of the ledger.

    What a receiver that was killed has left behind is found in Alertmanager itself, by its author and its
    comment. Not safe for several threads. ``count`` hears of every request that changed something, or failed.
    """

    def __init__(
        self,
        file: LedgerFile,
        *,
        service: Service,
        shop: str,
        enabled: bool,
        lasts: Age,
        now: Callable[[], dt.datetime],
        count: Callable[[bool], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = file
        self._service = service
        self._author = f"storekeeper {shop}"
        self._enabled = enabled
        self._lasts = lasts
        self._now = now
        self._count = count
        self._clock = clock
        self._silences: dict[str, str] = {}
        self._sure = False
        self._failures = 0
        self._not_before = 0.0

    def reconcile(self) -> None:
        """Make the silences that are missing and remove those that are over; raises LedgerUnavailable."""
        if self._clock() < self._not_before:
            return
        wanted = self._wanted() if self._enabled else {}
        if self._sure and wanted.keys() == self._silences.keys():
            return
        try:
            if not self._sure:
                self._silences = self._of_ours()
                self._sure = True
            for run in [run for run in self._silences if run not in wanted]:
                self._remove(run)
            for run, labels in wanted.items():
                if run not in self._silences:
                    self._make(run, labels)
            self._failures = 0
        except StorekeeperError as error:
            # Whether the last request came through is not known: look before the next.
            self._sure = False
            pause = PAUSES_SECONDS[min(self._failures, len(PAUSES_SECONDS) - 1)]
            self._failures += 1
            self._not_before = self._clock() + pause
            logger.warning("silences: %s; tried again in %g s", error.message, pause)
            self._count(False)

    def _wanted(self) -> Mapping[str, Mapping[str, str]]:
        """Give the labels of the alerts that runs work on, by run; one that waits for a person does not."""
        with self._file.read() as connection:
            rows = connection.execute(
                "SELECT runs.id, episodes.labels FROM runs JOIN episodes ON episodes.id = runs.episode"
                " WHERE runs.state IN (?, ?) AND runs.trigger = ? AND NOT runs.dry_run",
                (RunState.ACCEPTED, RunState.RUNNING, Trigger.ALERT),
            ).fetchall()
        return {row["id"]: json.loads(row["labels"]) for row in rows}

    def _of_ours(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for silence in ask(self._service, "GET", "/api/v2/silences") or ():
            if silence["createdBy"] != self._author or silence["status"]["state"] == "expired":
                continue
            run = _RUN.search(silence["comment"])
            if run and run[1] not in found:
                found[run[1]] = silence["id"]
            else:
                # Made twice, or not readable any more: under a name of its own, so that it is removed.
                found[silence["id"]] = silence["id"]
        return found

    def _make(self, run: str, labels: Mapping[str, str]) -> None:
        now = self._now()
        ends = now + (now - self._lasts.before(now))
        body: dict[str, Any] = {
            "matchers": [
                {"name": name, "value": value, "isRegex": False, "isEqual": True}
                for name, value in labels.items()
                if value
            ],
            "startsAt": now.isoformat(),
            "endsAt": ends.isoformat(),
            "createdBy": self._author,
            "comment": _COMMENT.format(run=run),
        }
        self._silences[run] = ask(self._service, "POST", "/api/v2/silences", json_body=body)["silenceID"]
        self._count(True)

    def _remove(self, run: str) -> None:
        try:
            ask(self._service, "DELETE", f"/api/v2/silence/{self._silences[run]}")
        except ServiceFailed as error:
            # It is gone already, which is as good.
            if error.status != 404:
                raise
        del self._silences[run]
        self._count(True)
