"""Take a message of Alertmanager in: every alert written down and decided, in one transaction."""

import datetime as dt
import json
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from typing import Final

from actions.ledger.file import LedgerFile
from actions.ledger.rows import NewRun, NewStep, clean, insert_run
from actions.ledger.schema import ALERTS_KEPT_SECONDS, EpisodeEnd, Trigger
from actions.playbooks import NamedPlaybook, choose_playbook
from actions.receiver.episodes import STARTS_OR_ENDS, Past, Rules, Verdict, decide
from actions.receiver.ownership import has_neighbour, is_ours, names_other_shop
from actions.receiver.payload import Alert, Message, Status
from actions.receiver.telling.names import is_own
from storekeeper.config import Config, Playbook
from storekeeper.measure.resources import Resource, is_known, resource_of

logger = logging.getLogger(__name__)

DAY_SECONDS: Final = 86400.0

RECEIVED: Final = "alerts_received"
SKIPPED: Final = "alerts_skipped"
TRUNCATED: Final = "alerts_truncated"
# Messages with an alert whose label names another shop.
OTHER_SHOPS: Final = "messages_of_other_shops"
# So many alerts are written in one transaction: a message of thousands must not hold up what else is written.
ALERTS_AT_ONCE: Final = 500


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What became of a message: the runs that were accepted, and each alert's verdict in order."""

    runs: tuple[str, ...]
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """An alert with what the config alone says about it."""

    alert: Alert
    ours: bool
    resource: Resource
    resource_is_known: bool
    chosen: NamedPlaybook | None
    rules: Rules | None


class Intake:
    """Decides about alerts. It reads names from labels, and paths, options and actions from the config."""

    def __init__(
        self,
        file: LedgerFile,
        *,
        config: Config,
        playbooks: Mapping[str, Playbook],
        now: Callable[[], dt.datetime],
    ) -> None:
        self._file = file
        self._config = config
        self._playbooks = playbooks
        self._now = now

    def take(self, message: Message) -> Taken:
        """Write one message down and decide; raises LedgerUnavailable."""
        return self.take_all([message])[0]

    def take_all(self, messages: Sequence[Message]) -> list[Taken]:
        """
        Write messages down and decide; raises LedgerUnavailable.

        Of more than ALERTS_AT_ONCE alerts a part may be written then: they are sent again, and an alert that
        comes twice starts nothing twice.
        """
        moment = self._now()
        # What asks the config and the disks comes first: in a transaction it would hold up all others.
        judged = [one for message in messages for one in self._judge(message.alerts, moment=moment)]
        decided: list[tuple[Verdict, str | None]] = []
        for start in range(0, max(len(judged), 1), ALERTS_AT_ONCE):
            part = judged[start : start + ALERTS_AT_ONCE]
            with self._file.write() as connection:
                decided += [_take_alert(connection, one, now=moment.timestamp()) for one in part]
                add_to_counter(connection, RECEIVED, amount=len(part))
                if start == 0:
                    for message in messages:
                        self._note_message(connection, message)
                    connection.execute(
                        "DELETE FROM alerts WHERE received < ?", (moment.timestamp() - ALERTS_KEPT_SECONDS,)
                    )
        left = iter(decided)
        return [_taken(list(islice(left, len(message.alerts)))) for message in messages]

    def _note_message(self, connection: sqlite3.Connection, message: Message) -> None:
        if message.truncated:
            logger.warning("Alertmanager cut %d alerts from a message; set max_alerts: 0", message.truncated)
            add_to_counter(connection, TRUNCATED, amount=message.truncated)
        if any(names_other_shop(alert.labels, config=self._config) for alert in message.alerts):
            add_to_counter(connection, OTHER_SHOPS)

    def _judge(self, alerts: Sequence[Alert], *, moment: dt.datetime) -> list[_Judged]:
        known = cache(partial(is_known, config=self._config))
        rules = cache(partial(self._rules_of, moment=moment))
        names_another = any(names_other_shop(alert.labels, config=self._config) for alert in alerts)
        is_only_shop = cache(lambda: not names_another and self._is_only_shop())
        judged = []
        for alert in alerts:
            ours = is_ours(alert.labels, config=self._config, is_only_shop=is_only_shop)
            resource = resource_of(alert.labels, config=self._config)
            chosen = choose_playbook(alert, resource=resource, playbooks=self._playbooks) if ours else None
            judged.append(
                _Judged(
                    alert=alert,
                    ours=ours,
                    resource=resource,
                    # Of a foreign alert nothing is asked: its mount point is one of another machine.
                    resource_is_known=ours and known(resource),
                    chosen=chosen,
                    rules=rules(chosen.name) if chosen else None,
                )
            )
        return judged

    def _is_only_shop(self) -> bool:
        """Return whether neither the state folder nor any alert so far speaks of a second shop."""
        if has_neighbour(self._config):
            return False
        with self._file.read() as connection:
            row = connection.execute("SELECT value FROM counters WHERE name = ?", (OTHER_SHOPS,)).fetchone()
        return row is None

    def _rules_of(self, name: str, *, moment: dt.datetime) -> Rules:
        return self._rules(self._playbooks[name], moment=moment)

    def _rules(self, playbook: Playbook, *, moment: dt.datetime) -> Rules:
        cooldown = playbook.cooldown or self._config.receiver.cooldown
        return Rules(
            cooldown_seconds=(moment - cooldown.before(moment)).total_seconds(),
            runs_per_day=playbook.runs_per_day or self._config.receiver.runs_per_day,
        )


def add_to_counter(connection: sqlite3.Connection, name: str, *, label: str = "", amount: int = 1) -> None:
    """Add to a total that outlives the rows it counts."""
    connection.execute(
        "INSERT INTO counters (name, label, value) VALUES (?, ?, ?)"
        " ON CONFLICT (name, label) DO UPDATE SET value = value + excluded.value",
        (name, label, amount),
    )


def _taken(decided: Sequence[tuple[Verdict, str | None]]) -> Taken:
    return Taken(
        runs=tuple(run for _, run in decided if run), verdicts=tuple(verdict for verdict, _ in decided)
    )


def _take_alert(connection: sqlite3.Connection, judged: _Judged, *, now: float) -> tuple[Verdict, str | None]:
    alert = judged.alert
    if judged.ours and is_own(alert.name):
        _note(connection, alert, verdict=Verdict.OWN, episode=None, now=now)
        return Verdict.OWN, None
    found = connection.execute(
        "SELECT id FROM episodes WHERE fingerprint = ? AND closed IS NULL", (alert.fingerprint,)
    ).fetchone()
    episode = found and found["id"]
    verdict = decide(
        alert.status,
        past=_past(connection, episode, chosen=judged.chosen, resource=judged.resource, now=now),
        rules=judged.rules,
        resource_is_known=judged.resource_is_known,
        now=now,
        is_ours=judged.ours,
    )
    if verdict is not Verdict.FOREIGN:
        episode = _keep_episode(
            connection, episode, alert, resource=judged.resource, verdict=verdict, now=now
        )
    run = None
    if verdict is Verdict.RUN and judged.chosen:
        run = insert_run(connection, _new_run(alert, judged.chosen, judged.resource, episode), now=now)
        connection.execute("UPDATE episodes SET runs = runs + 1 WHERE id = ?", (episode,))
    _note(connection, alert, verdict=verdict, episode=episode, now=now)
    return verdict, run


def _note(
    connection: sqlite3.Connection, alert: Alert, *, verdict: Verdict, episode: int | None, now: float
) -> None:
    """Write down what was decided about a notification."""
    if verdict not in STARTS_OR_ENDS:
        add_to_counter(connection, SKIPPED, label=verdict)
    connection.execute(
        "INSERT INTO alerts (received, fingerprint, status, alertname, starts_at, episode, verdict)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (fingerprint) WHERE verdict = 'foreign' DO UPDATE SET"
        " received = excluded.received, status = excluded.status, starts_at = excluded.starts_at",
        (now, alert.fingerprint, alert.status, clean(alert.name), clean(alert.starts_at), episode, verdict),
    )


def _past(
    connection: sqlite3.Connection,
    episode: int | None,
    *,
    chosen: NamedPlaybook | None,
    resource: Resource,
    now: float,
) -> Past:
    if chosen is None:
        return Past(episode_is_open=episode is not None)
    # A run by an alert counts from its acceptance, so that a run that is still open counts, too.
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE accepted > ?) AS of_day,"
        " count(*) FILTER (WHERE state IN ('accepted', 'waiting', 'running')) AS open,"
        " max(coalesce(finished, accepted)) AS ended"
        " FROM runs WHERE playbook = ? AND resource = ? AND trigger = ?",
        (now - DAY_SECONDS, chosen.name, clean(str(resource)), Trigger.ALERT),
    ).fetchone()
    return Past(
        episode_is_open=episode is not None,
        last_run_ended=row["ended"],
        runs_of_day=row["of_day"],
        run_is_open=bool(row["open"]),
    )


def _keep_episode(
    connection: sqlite3.Connection,
    episode: int | None,
    alert: Alert,
    *,
    resource: Resource,
    verdict: Verdict,
    now: float,
) -> int | None:
    """Open, refresh or close the alert's episode; give its id, None where there is none."""
    if alert.status is Status.RESOLVED:
        connection.execute(
            "UPDATE episodes SET closed = ?, last_news = ?, ending = ? WHERE id = ?",
            (now, now, EpisodeEnd.RESOLVED, episode),
        )
        return episode
    if episode is not None:
        connection.execute(
            "UPDATE episodes SET last_news = ?, exhausted = ? WHERE id = ?",
            (now, verdict is Verdict.EXHAUSTED, episode),
        )
        return episode
    return connection.execute(
        "INSERT INTO episodes (fingerprint, alertname, severity, level, resource, labels, opened, last_news,"
        " exhausted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            alert.fingerprint,
            clean(alert.name),
            clean(alert.severity),
            clean(alert.level),
            clean(str(resource)),
            json.dumps(alert.labels),
            now,
            now,
            verdict is Verdict.EXHAUSTED,
        ),
    ).lastrowid


def _new_run(alert: Alert, chosen: NamedPlaybook, resource: Resource, episode: int | None) -> NewRun:
    playbook = chosen.playbook
    return NewRun(
        trigger=Trigger.ALERT,
        who="Alertmanager",
        playbook=chosen.name,
        alertname=alert.name,
        resource=str(resource),
        episode=episode,
        until_below=playbook.until_below,
        steps=[
            NewStep(action=step.action, options=step.options, needs_approval=step.approval == "required")
            for step in playbook.steps
        ],
    )
