"""An emergency waits behind no long work, and what gives way to it is done afterwards."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
import requests

from actions.action import Context, Outcome
from actions.ledger.file import LedgerFile
from actions.ledger.ledger import Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import RunState, Trigger
from actions.receiver.emergency import Needs, emergency_beside, may_wait
from actions.receiver.service import ReceiverService
from actions.runner import now_here
from storekeeper.config import Config
from storekeeper.config.fields import Model
from tests.receiver_url import receiver_url

LONG = {"backup_media": ("backups", "media"), "backup_database": ("backups", "database-default")}


class NoOptions(Model):
    """Nothing to choose."""


class LongWork:
    """Work that lasts until it is asked to stop, or until the file ``may_end`` is there."""

    summary = "Work long."
    Options = NoOptions

    def __init__(self, name: str, resources: tuple[str, ...], *, plan: Callable[[], Any]) -> None:
        self.name = name
        self._resources = resources
        self._plan = plan

    def resources(self, config: Config, options: NoOptions) -> tuple[str, ...]:
        return self._resources

    def plan(self, context: Context, options: NoOptions) -> Any:
        return self._plan()

    def perform(self, context: Context, options: NoOptions, plan: Any) -> Outcome:
        self._tell(context, "begins")
        while not (context.config.project / "may_end").exists():
            if context.cancelled():
                self._tell(context, "stops")
                return Outcome(summary="stopped")
            time.sleep(0.05)
        self._tell(context, "ends")
        return Outcome(summary="done", changed=1)

    def _tell(self, context: Context, word: str) -> None:
        with (context.config.project / "told.txt").open("a") as file:
            file.write(f"{self.name} {word}\n")


@dataclass
class Receivers:
    """One receiver after the other on the same state, with the ledger beside them."""

    config: Config
    actions: dict[str, Any]
    ledger: Ledger
    running: list[ReceiverService] = field(default_factory=list)

    def start(self) -> None:
        service = ReceiverService(self.config, actions=self.actions)
        service.start()
        service.web.start()
        self.running.append(service)

    def stop(self) -> None:
        while self.running:
            assert self.running.pop().stop()

    def send(self, message: dict[str, Any]) -> str:
        """Send a message with one alert and give the run that it began."""
        url = receiver_url(self.config.state, self.running[-1].web.port)
        (run,) = requests.post(f"{url}/api/v1/alerts", json=message, timeout=30).json()["runs"]
        return str(run)

    def begin(self, action: str, *, trigger: Trigger = Trigger.SCHEDULE) -> str:
        """Have an action carried out that was not asked for by an alert."""
        run = self.ledger.accept(NewRun(trigger=trigger, who="test", steps=[NewStep(action=action)]))
        assert run is not None
        self.wake()
        return run

    def wake(self) -> None:
        """Have the receiver make its next round now."""
        self.running[-1]._parts._housekeeper.wake()

    def state(self, run: str) -> RunState:
        found = self.ledger.run(run)
        assert found is not None
        return found.state

    def told(self) -> list[str]:
        """Give what the actions told, line by line."""
        path = self.config.project / "told.txt"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def receivers(config: Config, sample_actions: ModuleType) -> Iterator[Receivers]:
    """A receiver with two kinds of long backups beside the small actions, and two more long works."""
    long = dict(LONG) | {"long_one": ("one",), "long_two": ("two",)}
    actions = {
        name: LongWork(name, resources, plan=lambda: sample_actions.NamesPlan(["much"]))
        for name, resources in long.items()
    }
    ledger = Ledger(LedgerFile(config.state), now=now_here)
    found = Receivers(config, {**sample_actions.ACTIONS, **actions}, ledger)
    found.start()
    yield found
    (config.project / "may_end").touch()
    found.stop()
    ledger.file.close()


@pytest.fixture
def emergency(alert: Callable[..., Any], message: Callable[..., Any]) -> dict[str, Any]:
    """A message that removes the old files of the media area at once."""
    found: dict[str, Any] = message(alert("StorageUsageWarning", severity="emergency", resource="media"))
    return found


def ended(receivers: Receivers, run: str) -> Callable[[], bool]:
    return lambda: receivers.state(run) in (RunState.DONE, RunState.FAILED)


def test_emergency_gets_a_thread_at_once(
    receivers: Receivers, emergency: dict[str, Any], wait: Callable[..., Any]
) -> None:
    """While long works hold every common thread and more wait, an emergency is carried out to its end."""
    works = [receivers.begin("long_one"), receivers.begin("long_two")]
    wait(lambda: len(receivers.told()) == 2)
    waiting = receivers.begin("fail_always")
    run = receivers.send(emergency)
    wait(ended(receivers, run))
    assert [RunState.DONE, RunState.RUNNING, RunState.RUNNING, RunState.ACCEPTED] == [
        receivers.state(one) for one in (run, *works, waiting)
    ]


def test_backup_gives_way_and_is_made_afterwards(
    receivers: Receivers, emergency: dict[str, Any], wait: Callable[..., Any]
) -> None:
    """A backup that holds what the emergency needs stops, and is begun again when there is room."""
    backup = receivers.begin("backup_media")
    wait(lambda: receivers.told() == ["backup_media begins"])
    run = receivers.send(emergency)
    wait(ended(receivers, run))
    assert RunState.DONE is receivers.state(run)
    assert not list(receivers.config.areas["media"].path.glob("old*"))
    (receivers.config.project / "may_end").touch()
    receivers.wake()
    wait(ended(receivers, backup))
    assert RunState.DONE is receivers.state(backup)
    expected = ["begins", "stops", "remove_files", "begins", "ends"]
    assert expected == [line.removeprefix("backup_media ") for line in receivers.told()]
    with receivers.ledger.file.read() as connection:
        lines = [row["line"] for row in connection.execute("SELECT line FROM log WHERE run = ?", (backup,))]
    assert ["stopped, to be begun again later: an emergency needs what it holds"] == lines


def test_backup_of_other_things_goes_on(
    receivers: Receivers, emergency: dict[str, Any], wait: Callable[..., Any]
) -> None:
    """A backup that holds nothing that the emergency needs is not disturbed."""
    backup = receivers.begin("backup_database")
    wait(lambda: receivers.told() == ["backup_database begins"])
    wait(ended(receivers, receivers.send(emergency)))
    assert RunState.RUNNING is receivers.state(backup)
    assert ["backup_database begins", "remove_files"] == receivers.told()


def test_what_a_person_asked_for_gives_way_to_nothing(
    receivers: Receivers, emergency: dict[str, Any], wait: Callable[..., Any]
) -> None:
    """One action per resource stands: the emergency waits for a person's backup, and goes on after it."""
    backup = receivers.begin("backup_media", trigger=Trigger.API)
    wait(lambda: receivers.told() == ["backup_media begins"])
    run = receivers.send(emergency)
    wait(lambda: receivers.state(run) is RunState.RUNNING)
    (receivers.config.project / "may_end").touch()
    wait(ended(receivers, run))
    assert [RunState.DONE, RunState.DONE] == [receivers.state(one) for one in (backup, run)]
    assert ["backup_media begins", "backup_media ends", "remove_files"] == receivers.told()


def test_end_of_the_receiver_loses_neither(
    receivers: Receivers, emergency: dict[str, Any], wait: Callable[..., Any]
) -> None:
    """A receiver that ends while an emergency waits for a backup takes both up again, the emergency first."""
    backup = receivers.begin("backup_media", trigger=Trigger.API)
    wait(lambda: receivers.told() == ["backup_media begins"])
    run = receivers.send(emergency)
    wait(lambda: receivers.state(run) is RunState.RUNNING)
    receivers.stop()
    assert [RunState.ACCEPTED, RunState.ACCEPTED] == [receivers.state(one) for one in (backup, run)]
    (receivers.config.project / "may_end").touch()
    receivers.start()
    for one in (backup, run):
        wait(ended(receivers, one))
        assert RunState.DONE is receivers.state(one)
    assert 1 == receivers.told().count("remove_files")


def accept_from_alert(
    ledger: Ledger, *, severity: str, actions: list[str], dry_run: bool = False, level: str = ""
) -> str:
    """Write a run down as the intake does for an alert of this severity and level."""
    with ledger.file.write() as connection:
        episode = connection.execute(
            "INSERT INTO episodes"
            " (fingerprint, alertname, severity, level, resource, labels, opened, last_news)"
            " VALUES (hex(randomblob(8)), 'StorageUsage', ?, ?, 'media', '{}', 0, 0)",
            (severity, level),
        ).lastrowid
    steps = [NewStep(action=action) for action in actions]
    run = ledger.accept(
        NewRun(trigger=Trigger.ALERT, who="Alertmanager", steps=steps, episode=episode, dry_run=dry_run)
    )
    assert run is not None
    return run


@pytest.mark.parametrize(
    ("severity", "action", "dry_run", "is_one"),
    [
        ("emergency", "cleanup_expired_qr_codes", False, True),
        ("critical", "rotate_logs", False, True),
        ("warning", "cleanup_expired_qr_codes", False, False),
        ("", "cleanup_expired_qr_codes", False, False),
        ("emergency", "backup_database", False, False),
        ("emergency", "cleanup_expired_qr_codes", True, False),
    ],
)
def test_what_has_the_right_of_way(
    ledger: Ledger, severity: str, action: str, dry_run: bool, is_one: bool
) -> None:
    """Steps that make room, of runs from critical and emergency alerts; never the run's own."""
    found = ledger.run(
        ledger.accept(NewRun(trigger=Trigger.SCHEDULE, who="", steps=[NewStep(action="backup_media")])) or ""
    )
    assert found is not None
    urgent = accept_from_alert(ledger, severity=severity, actions=[action], dry_run=dry_run)
    assert (urgent if is_one else None) == emergency_beside(ledger, found)
    itself = ledger.run(urgent)
    assert itself is not None
    assert None is emergency_beside(ledger, itself)
    ledger.end_run(urgent, state=RunState.DONE)
    assert None is emergency_beside(ledger, found)


@pytest.mark.parametrize(
    ("severity", "level", "expected"),
    [
        ("critical", "emergency", "emergency"),
        ("critical", "critical", "critical"),
        ("emergency", "", "emergency"),
    ],
)
def test_a_run_knows_the_level_of_its_alert(ledger: Ledger, severity: str, level: str, expected: str) -> None:
    """An emergency has the severity critical; an older rule file tells it by its severity alone."""
    run = ledger.run(accept_from_alert(ledger, severity=severity, level=level, actions=["rotate_logs"]))
    assert run is not None
    assert expected == run.level
    assert (expected != "emergency") == may_wait(run)


def test_nothing_that_writes_much_begins_beside_an_emergency(
    config: Config, ledger: Ledger, sample_actions: ModuleType
) -> None:
    """An automatic backup waits, whoever began it; a cleanup and a person's backup do not."""
    service = ReceiverService(config, actions=sample_actions.ACTIONS)
    may_begin = service._parts.worker.may_begin

    def allowed(run: str | None) -> bool:
        found = ledger.run(run or "")
        assert found is not None
        return may_begin(found)

    def begin(action: str, trigger: Trigger) -> str | None:
        return ledger.accept(NewRun(trigger=trigger, who="", steps=[NewStep(action=action)]))

    backup = begin("backup_media", Trigger.SCHEDULE)
    assert allowed(backup)
    urgent = accept_from_alert(ledger, severity="critical", actions=["rotate_logs", "backup_database"])
    assert not allowed(backup)
    assert not allowed(accept_from_alert(ledger, severity="emergency", actions=["optimize_database"]))
    assert allowed(begin("cleanup_orphaned_media", Trigger.SCHEDULE))
    assert allowed(begin("backup_media", Trigger.API))
    ledger.begin_step(urgent, 0)
    assert not allowed(backup)
    ledger.wait_for_approval(urgent, 0)
    assert allowed(backup)


def test_needs_are_forgotten_when_they_are_met() -> None:
    """What is held is asked for as long as somebody waits for a part of it."""
    needs = Needs()
    with needs.waiting("a", resources=("media", "backups")):
        with needs.waiting("b", resources=()):
            assert needs.one_of(["backups", "database-default"])
        assert not needs.one_of(["database-default"])
    assert not needs.one_of(["media"])
