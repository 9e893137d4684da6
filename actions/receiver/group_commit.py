"""
Write messages down that came at the same moment in one transaction: one wait for the disk for all of them.

A storm comes one message per alert, and the disk needs longer for each than all else together. What is quick
is done in the thread of the requests itself: on a machine whose processors are busy, handing it to another
thread and back costs more than the writing. Where the ledger is held, or the disk was slow of late, a thread
of its own does it, so that other requests are answered meanwhile.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from actions.ledger.file import LedgerUnavailable
from actions.receiver.intake import ALERTS_AT_ONCE, Intake, Taken
from actions.receiver.payload import Message

SLOW_SECONDS: Final = 0.1
SLOW_FOR_SECONDS: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    message: Message
    taken: "asyncio.Future[Taken]"


class GroupCommit:
    """
    Takes messages in for the requests of one event loop.

    ``quick`` has a connection to the ledger that waits for no one, ``patient`` one that does.
    """

    def __init__(
        self, *, quick: Intake, patient: Intake, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._quick = quick
        self._patient = patient
        self._clock = clock
        self._waiting: list[_Waiting] = []
        self._is_at_work = False
        self._slow_until = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="intake")

    async def take(self, message: Message) -> Taken:
        """Return what became of the message once it is on the disk; raises LedgerUnavailable."""
        loop = asyncio.get_running_loop()
        one = _Waiting(message=message, taken=loop.create_future())
        self._waiting.append(one)
        if not self._is_at_work:
            self._is_at_work = True
            # Not now: what is being read at this moment shares the transaction.
            loop.call_soon(self._begin)
        return await one.taken

    def _begin(self) -> None:
        group = self._next_group()
        if not group:
            self._is_at_work = False
            return
        if self._is_quick(group):
            begin = self._clock()
            try:
                answer: list[Taken] = self._quick.take_all([one.message for one in group])
            except LedgerUnavailable:
                # Held at this moment, or a full disk: the patient one waits, or says so.
                pass
            except Exception as error:  # noqa: BLE001 - the requests that wait raise it
                self._answer(group, error)
                return
            else:
                if self._clock() - begin > SLOW_SECONDS:
                    self._slow_until = self._clock() + SLOW_FOR_SECONDS
                self._answer(group, answer)
                return
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._thread, self._patient.take_all, [one.message for one in group])
        work.add_done_callback(lambda done: self._answer(group, done.exception() or done.result()))

    def _is_quick(self, group: Sequence[_Waiting]) -> bool:
        alerts = sum(len(one.message.alerts) for one in group)
        return alerts <= ALERTS_AT_ONCE and self._clock() >= self._slow_until

    def _next_group(self) -> list[_Waiting]:
        """Return the oldest that fit into one transaction together; one that fits into none is alone."""
        group: list[_Waiting] = []
        alerts = 0
        for one in self._waiting:
            alerts += len(one.message.alerts)
            if group and alerts > ALERTS_AT_ONCE:
                break
            group.append(one)
        del self._waiting[: len(group)]
        return group

    def _answer(self, group: Sequence[_Waiting], answer: list[Taken] | BaseException) -> None:
        for number, one in enumerate(group):
            if one.taken.done():
                # Its client has gone.
                continue
            if isinstance(answer, BaseException):
                one.taken.set_exception(answer)
            else:
                one.taken.set_result(answer[number])
        asyncio.get_running_loop().call_soon(self._begin)
