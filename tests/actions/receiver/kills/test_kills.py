"""Killed at any moment, the receiver loses nothing that it accepted and does nothing twice."""

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PATIENCE_SECONDS = 120.0
LARGEST_FILE = 9000
# The receiver gives a run up when it died four times in one of its steps. That is another test's matter.
MOST_OPEN_ALERTS = 16
MOST_INTERRUPTIONS = 3


@dataclass
class Alert:
    """One alert that was posted: where, and how many bytes its run has to free."""

    area: str
    size_bytes: int
    file_count: int
    resolved: bool = False


@dataclass
class Attack:
    """Sends alerts, kills, and keeps account of both."""

    field: Any
    areas: tuple[str, ...]
    moments: dict[str, Callable[[Any, int | None], None]]
    chance: random.Random
    alerts: dict[int, Alert] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    finished: dict[str, int] = field(default_factory=dict)
    """Steps that were written down as finished when a kill came, and how often they had been begun."""
    stored_unanswered: int = 0

    def run(self, phase: str) -> None:
        """One life of the receiver: start it, send it alerts, kill it in ``phase``, look at what is left."""
        victim, forwarder = self.field.victim, self.field.forwarder
        victim.start()
        if phase != "start" or self.often_interrupted():
            victim.wait_until_up()
            self.harvest()
            wait_until(lambda: not self.often_interrupted())
        for event in (forwarder.sent, forwarder.answered):
            event.clear()
        known = victim.ledger("SELECT max(id) AS last FROM alerts")[0]["last"] if self.alerts else None
        self.send(self.chance.randint(1, 4))
        self.moments[phase](self, known)
        in_flight = forwarder.in_flight
        victim.kill()
        self.kills[phase] += 1
        self.look(in_flight=in_flight)

    def send(self, count: int) -> None:
        """Fill areas that have had no alert with files, and let Alertmanager fire for each."""
        unused = sorted(set(self.areas) - {alert.area for alert in self.alerts.values()})
        open_alerts = sum(not alert.resolved for alert in self.alerts.values())
        for area in self.chance.sample(unused, k=min(count, MOST_OPEN_ALERTS - open_alerts)):
            number = len(self.alerts)
            alert = self.alerts[number] = Alert(area=area, size_bytes=0, file_count=0)
            for step in range(3):
                for file in range(self.chance.randint(2, 8)):
                    size = self.chance.randint(1, LARGEST_FILE)
                    (self.field.folder / area / f"{number}-{step}-{file}").write_bytes(b"x" * size)
                    alert.size_bytes += size
                    alert.file_count += 1
            self.field.post(area, number)

    def harvest(self) -> None:
        """Resolve the alerts whose runs have ended, as Prometheus would."""
        for row in self.field.victim.ledger(
            "SELECT json_extract(labels, '$.number') AS number FROM runs JOIN episodes"
            " ON episodes.id = runs.episode WHERE finished IS NOT NULL AND closed IS NULL"
        ):
            alert = self.alerts[int(row["number"])]
            if not alert.resolved:
                self.field.post(alert.area, int(row["number"]), resolved=True)
                alert.resolved = True

    def left(self) -> list[Path]:
        """Give what stands in the areas."""
        return [path for area in self.areas for path in (self.field.folder / area).iterdir()]

    def often_interrupted(self) -> bool:
        """Tell whether a run is one death away from being given up."""
        return bool(
            self.alerts
            and self.field.victim.ledger(
                "SELECT 1 FROM steps WHERE state = 'running' AND attempts >= ?", MOST_INTERRUPTIONS
            )
        )

    def look(self, *, in_flight: int) -> None:
        """Note what the dead receiver left half-done, and which steps must not begin again."""
        victim = self.field.victim
        try:
            steps = victim.ledger(
                "SELECT run, position, steps.state, runs.state AS run_state FROM steps JOIN runs"
                " ON runs.id = run WHERE steps.state IN ('running', 'done')"
            )
        except sqlite3.OperationalError:
            # Killed before there was a ledger.
            return
        journal = victim.journal()
        begun = Counter(step for what, step in journal if what == "begin")
        ended = Counter(step for what, step in journal if what == "end")
        met = {"a message on its way"} if in_flight else set()
        for row in steps:
            step = f"{row['run']} {row['position']}"
            if row["state"] == "done":
                self.finished.setdefault(step, begun[step])
            elif begun[step] > ended[step]:
                met.add("a step at work")
            elif ended[step]:
                met.add("a step that was over, not yet written down")
        states = {row["state"] for row in victim.ledger("SELECT state FROM runs")}
        at_work = {row["run"] for row in steps if row["state"] == "running"}
        if "accepted" in states:
            met.add("a run accepted, not yet begun")
        if {row["run"] for row in steps if row["run_state"] == "running"} - at_work:
            met.add("a run between two steps")
        stored = victim.ledger("SELECT count(*) AS count FROM alerts")[0]["count"]
        unanswered = stored - sum(self.field.forwarder.accepted(str(number)) for number in self.alerts)
        if unanswered > self.stored_unanswered:
            met.add("an alert stored, not yet answered")
        self.stored_unanswered = unanswered
        self.met.update(met or {"nothing"})


def wait_until(reached: Callable[[], Any], *, seconds: float = PATIENCE_SECONDS) -> bool:
    """Return when ``reached`` is true; fails after PATIENCE_SECONDS."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return True


def test_killed_at_any_moment(
    battlefield: Any,
    areas: tuple[str, ...],
    moments: dict[str, Callable[[Any, int | None], None]],
    thorough: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each alert that Alertmanager got rid of leads to one run that ends; what is finished stays finished."""
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    attack = Attack(field=battlefield, areas=areas, moments=moments, chance=chance)
    rounds = 40 if thorough else 1
    phases = [phase for _ in range(rounds) for phase in chance.sample(sorted(moments), k=len(moments))]
    # The first start makes the files that the driver looks into.
    battlefield.victim.start()
    battlefield.victim.wait_until_up()
    battlefield.victim.kill()
    begin = time.monotonic()
    for phase in phases:
        attack.run(phase)
    victim = battlefield.victim
    victim.start()
    victim.wait_until_up()

    def is_over() -> bool:
        attack.harvest()
        # To wait for the last words of Alertmanager costs seconds.
        what = "episodes WHERE ending = 'resolved'" if thorough else "runs WHERE finished IS NOT NULL"
        count = victim.ledger(f"SELECT count(*) AS count FROM {what}")[0]["count"]
        # An alert that was stored and not answered comes once more, perhaps after its run.
        answered = all(battlefield.forwarder.accepted(str(number)) for number in attack.alerts)
        return bool(count == len(attack.alerts)) and answered

    wait_until(is_over)
    # The engine writes the end of a run down after the ledger has it.
    is_open = "SELECT 1 FROM workflow_status WHERE status IN ('PENDING', 'ENQUEUED')"
    wait_until(lambda: not victim.engine(is_open))
    # A kill between a file's last look and its removal leaves our folder; the first round clears it away.
    wait_until(lambda: not attack.left())
    account = Account(attack)
    with capsys.disabled():
        print(account.table(seed=seed, seconds=time.monotonic() - begin))
    account.check()


class Account:
    """What is left when all is over, beside what was sent."""

    def __init__(self, attack: Attack) -> None:
        victim = attack.field.victim
        self.attack = attack
        self.runs = victim.ledger(
            "SELECT runs.*, json_extract(labels, '$.number') AS number FROM runs"
            " JOIN episodes ON episodes.id = runs.episode"
        )
        self.episodes = victim.ledger("SELECT * FROM episodes")
        self.steps = victim.ledger("SELECT * FROM steps")
        self.engine = victim.engine("SELECT status, count(*) AS count FROM workflow_status GROUP BY status")
        journal = victim.journal()
        self.begun = Counter(step for what, step in journal if what == "begin")
        self.removed = Counter(rest.split(" ", 2)[2] for what, rest in journal if what == "removed")
        self.answered = {number for number in attack.alerts if attack.field.forwarder.accepted(str(number))}
        done = {int(run["number"]) for run in self.runs if run["state"] == "done"}
        self.lost = self.answered - done
        self.repeated = {step for step, count in attack.finished.items() if self.begun[step] != count}
        freed = Counter[str]()
        for step in self.steps:
            freed[step["run"]] += step["freed_bytes"]
        self.freed = {int(run["number"]): freed[run["id"]] for run in self.runs}

    def table(self, *, seed: int, seconds: float) -> str:
        """Give the account for a person."""
        attack = self.attack
        real = sum(alert.size_bytes for alert in attack.alerts.values())
        lines: list[tuple[str, object]] = [
            (f"kills in {seconds:.0f} s (seed {seed})", attack.kills.total()),
            *((f"  aimed at: {phase}", attack.kills[phase]) for phase in attack.moments),
            *((f"  met: {what}", count) for what, count in sorted(attack.met.items())),
            ("alerts fired", len(attack.alerts)),
            ("alerts answered with 202", len(self.answered)),
            *((f"  messages: {what}", count) for what, count in attack.field.forwarder.statuses.items()),
            ("  alerts stored without an answer, and sent again", attack.stored_unanswered),
            ("episodes", len(self.episodes)),
            ("runs", len(self.runs)),
            ("steps finished", sum(step["state"] == "done" for step in self.steps)),
            ("  attempts that they took", sum(step["attempts"] for step in self.steps)),
            ("  finished steps that a kill came after", len(attack.finished)),
            ("bytes freed", real),
            ("  of these not in the history", real - sum(self.freed.values())),
            ("finished steps repeated", len(self.repeated)),
            ("alerts lost", len(self.lost)),
        ]
        return "\n" + "\n".join(f"  {name:<52} {value:>10}" for name, value in lines)

    def check(self) -> None:
        """Fail where anything was lost, repeated, left open or counted wrongly."""
        attack = self.attack
        numbers = sorted(attack.alerts)
        assert (set(), set()) == (self.lost, self.repeated)
        assert numbers == sorted(self.answered) == sorted(int(run["number"]) for run in self.runs)
        assert len(numbers) == len(self.episodes)
        assert {"done"} == {run["state"] for run in self.runs}
        assert {"done"} == {step["state"] for step in self.steps}
        assert not {row["status"] for row in self.engine} & {"PENDING", "ENQUEUED", "ERROR"}
        assert ([], {1}) == (attack.left(), set(self.removed.values()))
        for run in self.runs:
            number = int(run["number"])
            interruptions = sum(step["attempts"] - 1 for step in self.steps if step["run"] == run["id"])
            missing = attack.alerts[number].size_bytes - self.freed[number]
            # A kill may come between a file's removal and the word of it.
            assert 0 <= missing <= interruptions * LARGEST_FILE, f"alert {number}"
        for name in ("ledger.sqlite3", "dbos.sqlite3"):
            with sqlite3.connect(attack.field.folder / "state" / name) as connection:
                assert "ok" == connection.execute("PRAGMA integrity_check").fetchone()[0]
            connection.close()
