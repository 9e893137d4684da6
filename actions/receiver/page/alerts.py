"""The open alerts as the page tells them: what storekeeper does about each, and which need a person."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from actions.ledger.file import LedgerFile
from actions.ledger.history import find_run, open_episodes
from actions.ledger.schema import OPEN_RUN_STATES, RunState
from actions.playbooks import choose_playbook
from actions.receiver.page.texts import parse_moment
from actions.receiver.payload import Alert, Status
from storekeeper.config import Config, Playbook
from storekeeper.measure.resources import is_known, parse_resource

# From the one that no one may miss down; what has another level comes last.
_LEVELS: Final = ("emergency", "critical", "warning", "info")
# After a storm nobody reads on; the number of the others is told.
MOST_SHOWN: Final = 30


@dataclass(frozen=True, kw_only=True)
class OpenAlert:
    """One open episode. ``doing`` is a sentence, ``again_at`` when it is tried again if it still fires."""

    name: str
    level: str
    about: str
    opened: str
    last_news: str
    runs: int
    doing: str
    needs_person: bool = False
    again_at: dt.datetime | None = None
    run: str | None = None


def read_alerts(
    file: LedgerFile, *, config: Config, playbooks: Mapping[str, Playbook]
) -> tuple[OpenAlert, ...]:
    """Give the open alerts, those that need a person first, then by level, then the newest."""
    found = [_told(row, file=file, config=config, playbooks=playbooks) for row in open_episodes(file)]
    return tuple(sorted(found, key=lambda one: (not one.needs_person, _rank(one.level))))


def _told(
    row: Mapping[str, Any], *, file: LedgerFile, config: Config, playbooks: Mapping[str, Playbook]
) -> OpenAlert:
    run = find_run(file, row["last_run"]) if row["last_run"] else None
    again_at = None
    needs_person = False
    if run and run["state"] in OPEN_RUN_STATES:
        doing = {
            RunState.WAITING: "A step waits for your approval.",
            RunState.RUNNING: "storekeeper is working on it.",
        }.get(run["state"], "Its run begins as soon as its turn comes.")
        needs_person = run["state"] == RunState.WAITING
    elif row["exhausted"]:
        needs_person = True
        doing = "All runs of the day are spent and it still fires: storekeeper has stopped trying."
    elif run:
        again_at = _again_at(row, run, config=config, playbooks=playbooks)
        ended = {RunState.DONE: "Its run is done.", RunState.FAILED: "Its run failed."}
        doing = ended.get(run["state"], f"Its run was {run['state']}.")
    else:
        doing, needs_person = _nothing_ran(row, config=config, playbooks=playbooks)
    return OpenAlert(
        name=row["alertname"],
        level=row["level"],
        about=row["resource"],
        opened=row["opened"],
        last_news=row["last_news"],
        runs=row["runs"],
        doing=doing,
        needs_person=needs_person,
        again_at=again_at,
        run=run["id"] if run else None,
    )


def _again_at(
    row: Mapping[str, Any], run: Mapping[str, Any], *, config: Config, playbooks: Mapping[str, Playbook]
) -> dt.datetime | None:
    """Give the end of the cooldown; None when the playbook is not in force any more."""
    chosen = choose_playbook(_alert(row), resource=parse_resource(row["resource"]), playbooks=playbooks)
    if chosen is None or not run["finished"]:
        return None
    ended = parse_moment(run["finished"])
    cooldown = chosen.playbook.cooldown or config.receiver.cooldown
    return ended + (ended - cooldown.before(ended))


def _nothing_ran(
    row: Mapping[str, Any], *, config: Config, playbooks: Mapping[str, Playbook]
) -> tuple[str, bool]:
    resource = parse_resource(row["resource"])
    loud = row["level"] in _LEVELS[:2]
    if choose_playbook(_alert(row), resource=resource, playbooks=playbooks) is None:
        return "No playbook answers it: what to do is for a person to decide.", loud
    if not is_known(resource, config):
        return "There is a playbook, but the config knows nothing of this name.", loud
    return "A run of the same playbook for the same resource is open or was just there.", False


def _alert(row: Mapping[str, Any]) -> Alert:
    labels = {str(name): str(value) for name, value in row["labels"].items()}
    return Alert(status=Status.FIRING, fingerprint="", labels=labels)


def _rank(level: str) -> int:
    return _LEVELS.index(level) if level in _LEVELS else len(_LEVELS)
