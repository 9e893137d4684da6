"""Messages that come together share a transaction; each gets its answer, and none waits for a slow one."""

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from actions.ledger.file import LedgerFile, LedgerUnavailable
from actions.ledger.ledger import Ledger
from actions.playbooks import playbooks_of
from actions.receiver.episodes import Verdict
from actions.receiver.group_commit import GroupCommit
from actions.receiver.intake import Intake, Taken
from actions.receiver.payload import Alert, Message, Status
from storekeeper.config import Config


class Counting(Intake):
    """An intake that notes how many messages each transaction held."""

    groups: list[int]

    def take_all(self, messages: Any) -> list[Taken]:
        self.groups.append(len(messages))
        return super().take_all(messages)


@pytest.fixture
def intakes(config: Config, ledger: Ledger, clock: Any) -> tuple[Counting, Counting]:
    """The quick one, which waits for no one, and the patient one."""
    made = []
    for file in (LedgerFile(config.state, busy_seconds=0), ledger.file):
        intake = Counting(file, config=config, playbooks=playbooks_of(config), now=clock)
        intake.groups = []
        made.append(intake)
    return made[0], made[1]


def message(number: int, *, alerts: int = 1, name: str = "SomethingElse") -> Message:
    labels = {"alertname": name, "shop": "sample"}
    made = [
        Alert(status=Status.FIRING, fingerprint=f"{number}x{alert}", labels=labels) for alert in range(alerts)
    ]
    return Message(alerts=tuple(made))


async def take_all(commit: GroupCommit, messages: list[Message]) -> list[Taken | BaseException]:
    return await asyncio.gather(*map(commit.take, messages), return_exceptions=True)


def rows(ledger: Ledger) -> int:
    with ledger.file.read() as connection:
        return int(connection.execute("SELECT count(*) FROM alerts").fetchone()[0])


def test_messages_of_one_moment_share_a_transaction(intakes: Any, ledger: Ledger) -> None:
    """Fifty messages at once are one wait for the disk; each is told what became of its own alerts."""
    quick, patient = intakes
    messages = [*map(message, range(49)), message(49, alerts=2, name="FailingAlert")]
    answers: Any = asyncio.run(take_all(GroupCommit(quick=quick, patient=patient), messages))
    assert ([50], []) == (quick.groups, patient.groups)
    assert [Verdict.NO_PLAYBOOK] * 49 == [answer.verdicts[0] for answer in answers[:49]]
    assert (Verdict.RUN, Verdict.RUNNING) == answers[49].verdicts
    assert ([0] * 49, 1) == ([len(answer.runs) for answer in answers[:49]], len(answers[49].runs))
    assert 51 == rows(ledger)


def test_ledger_that_another_program_holds_is_waited_for(intakes: Any, ledger: Ledger) -> None:
    """The thread of the requests goes on meanwhile, and the messages are stored when the ledger is free."""
    quick, patient = intakes
    with ledger.file.write():
        pass

    async def hold_and_take() -> tuple[int, list[Any]]:
        with closing(sqlite3.connect(ledger.file.path, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            waiting = asyncio.ensure_future(take_all(GroupCommit(quick=quick, patient=patient), [message(1)]))
            rounds = 0
            while rounds < 20:
                await asyncio.sleep(0.01)
                rounds += 1
            assert not waiting.done()
            holder.execute("COMMIT")
            return rounds, await waiting

    rounds, answers = asyncio.run(hold_and_take())
    assert (20, Verdict.NO_PLAYBOOK, 1) == (rounds, answers[0].verdicts[0], rows(ledger))


def test_large_message_is_taken_beside_the_requests(intakes: Any, ledger: Ledger) -> None:
    """Thousands of alerts are written in a thread of their own, and what comes with them is not mixed in."""
    quick, patient = intakes
    commit = GroupCommit(quick=quick, patient=patient)
    answers: Any = asyncio.run(take_all(commit, [message(1), message(2, alerts=1200), message(3)]))
    assert [1, 1200, 1] == [len(answer.verdicts) for answer in answers]
    assert ([1, 1], [1], 1202) == (quick.groups, patient.groups, rows(ledger))


@pytest.mark.parametrize("error", [LedgerUnavailable("full"), RuntimeError("a mistake")])
def test_every_message_of_a_group_hears_that_it_failed(
    error: Exception, intakes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is left without an answer, and the next group is taken."""
    quick, patient = intakes

    def fail(_: Any) -> list[Taken]:
        raise error

    async def fail_and_go_on() -> tuple[list[Any], list[Any]]:
        commit = GroupCommit(quick=quick, patient=patient)
        with monkeypatch.context() as broken:
            broken.setattr(quick, "take_all", fail)
            broken.setattr(patient, "take_all", fail)
            failed = await take_all(commit, [message(1), message(2)])
        return failed, await take_all(commit, [message(3)])

    failed, after = asyncio.run(fail_and_go_on())
    assert [error, error] == failed
    assert Verdict.NO_PLAYBOOK == after[0].verdicts[0]


def test_slow_disk_is_waited_for_in_a_thread(intakes: Any) -> None:
    """After one slow commit the requests' own thread writes nothing for a while."""
    quick, patient = intakes
    moments = iter([0.0, 0.0, 0.5, 0.5, 1.0, *[99.0] * 9])
    commit = GroupCommit(quick=quick, patient=patient, clock=lambda: next(moments))

    async def three() -> None:
        for number in range(3):
            await commit.take(message(number))

    asyncio.run(three())
    assert ([1, 1], [1]) == (quick.groups, patient.groups)
