"""Take a message of Alertmanager in: every alert written down and decided, in one transaction."""

import datetime as dt
import json
import logging
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from actions.ledger.file import LedgerFile
from actions.ledger.rows import NewRun, NewStep, clean, insert_run
from actions.ledger.schema import ALERTS_KEPT_SECONDS, EpisodeEnd, Trigger
from actions.playbooks import NamedPlaybook, choose_playbook
from actions.receiver.episodes import STARTS_OR_ENDS, Past, Rules, Verdict, decide
from actions.receiver.payload import Alert, Message, Status
from actions.receiver.telling.names import is_own
from storekeeper.config import Config, Playbook
from storekeeper.measure.resources import Resource, is_known, resource_of

logger = logging.getLogger(__name__)

DAY_SECONDS: Final = 86400.0

RECEIVED: Final = "alerts_received"
SKIPPED: Final = "alerts_skipped"
TRUNCATED: Final = "alerts_truncated"


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What became of a message: the runs that were accepted, and each alert's verdict in order."""

    runs: tuple[str, ...]
    verdicts: tuple[Verdict, ...]


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
        """Write the whole message down and decide; raises LedgerUnavailable, then none of it is."""
        moment = self._now()
        if message.truncated:
            logger.warning("Alertmanager cut %d alerts from a message; set max_alerts: 0", message.truncated)
        runs: list[str] = []
        verdicts: list[Verdict] = []
        with self._file.write() as connection:
            for alert in message.alerts:
                verdict, run = self._take_alert(connection, alert, moment=moment)
                verdicts.append(verdict)
                runs += [run] if run else []
            add_to_counter(connection, RECEIVED, amount=len(message.alerts))
            if message.truncated:
                add_to_counter(connection, TRUNCATED, amount=message.truncated)
            connection.execute(
                "DELETE FROM alerts WHERE received < ?", (moment.timestamp() - ALERTS_KEPT_SECONDS,)
            )
        return Taken(runs=tuple(runs), verdicts=tuple(verdicts))

    def _take_alert(
        self, connection: sqlite3.Connection, alert: Alert, *, moment: dt.datetime
    ) -> tuple[Verdict, str | None]:
        now = moment.timestamp()
        if is_own(alert.name):
            _note(connection, alert, verdict=Verdict.OWN, episode=None, now=now)
            return Verdict.OWN, None
        resource = resource_of(alert.labels)
        chosen = choose_playbook(alert, resource=resource, playbooks=self._playbooks)
        episode = connection.execute(
            "SELECT id FROM episodes WHERE fingerprint = ? AND closed IS NULL", (alert.fingerprint,)
        ).fetchone()
        past = _past(connection, episode and episode["id"], chosen=chosen, resource=resource, now=now)
        verdict = decide(
            alert.status,
            past=past,
            rules=self._rules(chosen.playbook, moment=moment) if chosen else None,
            resource_is_known=is_known(resource, self._config),
            now=now,
        )
        episode_id = _keep_episode(
            connection, episode and episode["id"], alert, resource=resource, verdict=verdict, now=now
        )
        run = None
        if verdict is Verdict.RUN and chosen:
            run = insert_run(connection, _new_run(alert, chosen, resource, episode_id), now=now)
            connection.execute("UPDATE episodes SET runs = runs + 1 WHERE id = ?", (episode_id,))
        _note(connection, alert, verdict=verdict, episode=episode_id, now=now)
        return verdict, run

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


def _note(
    connection: sqlite3.Connection, alert: Alert, *, verdict: Verdict, episode: int | None, now: float
) -> None:
    """Write down what was decided about a notification."""
    if verdict not in STARTS_OR_ENDS:
        add_to_counter(connection, SKIPPED, label=verdict)
    connection.execute(
        "INSERT INTO alerts (received, fingerprint, status, alertname, starts_at, episode, verdict)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
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
    of_playbook = connection.execute(
        "SELECT count(*) FILTER (WHERE accepted > ?) AS of_day,"
        " count(*) FILTER (WHERE state IN ('accepted', 'waiting', 'running')) AS open"
        " FROM runs WHERE playbook = ? AND resource = ? AND trigger = ?",
        (now - DAY_SECONDS, chosen.name, clean(str(resource)), Trigger.ALERT),
    ).fetchone()
    of_episode = connection.execute(
        "SELECT max(coalesce(finished, accepted)) AS ended FROM runs WHERE episode = ?", (episode,)
    ).fetchone()
    return Past(
        episode_is_open=episode is not None,
        last_run_ended=of_episode["ended"],
        runs_of_day=of_playbook["of_day"],
        run_is_open=bool(of_playbook["open"]),
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
        "INSERT INTO episodes (fingerprint, alertname, severity, resource, labels, opened, last_news,"
        " exhausted) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            alert.fingerprint,
            clean(alert.name),
            clean(alert.severity),
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
