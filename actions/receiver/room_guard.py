"""
The order in which a full disk is emptied: what makes room first, what writes much only when there is room.

A run that an alert began does nothing at all where our own measurement says that there is nothing to do.
A run with ``until_below`` makes room for its resource: the usage is read again before each step, what makes
room is passed over as soon as there is enough, what writes much (``actions/room.py``) until there is. Any
other run that nobody asked for in person is not begun on a nearly full disk if its next step writes much, and
none at all that does is begun while an emergency (``emergency.py``) makes room.
"""

import datetime as dt
import logging
from collections.abc import Callable
from typing import Final

from actions.ledger.ledger import Ledger, Run, Step
from actions.ledger.run_summary import NO_ROOM
from actions.ledger.schema import StepState, Trigger
from actions.receiver.emergency import emergency_beside, gives_way
from actions.receiver.own_measurement import backups_are_fresh, low_water, nothing_to_free
from actions.room import full_disk, needs_room
from actions.runner import now_here
from storekeeper.config import Config
from storekeeper.errors import NotEnoughSpace, StorekeeperError
from storekeeper.measure.resources import parse_resource
from storekeeper.measure.usage import Usage, UsageReader

logger = logging.getLogger(__name__)

ENOUGH: Final = "not needed: there is room"
_AUTOMATIC: Final = (Trigger.ALERT, Trigger.SCHEDULE)


class RoomGuard:
    """Asks the disks for one worker. What cannot be read is not enough room, and holds up nothing else."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        config: Config,
        usage: UsageReader,
        now: Callable[[], dt.datetime] = now_here,
    ) -> None:
        self._ledger = ledger
        self._now = now
        self._config = config
        self._usage = usage
        self._told: dict[str, str] = {}

    def may_begin(self, run: Run) -> bool:
        """
        Tell whether a run may be given a thread now.

        One that has to wait for room keeps no thread from the runs that make it.
        """
        action = self._ledger.next_action(run.id)
        emergency = emergency_beside(self._ledger, run) if gives_way(run, action) else None
        if emergency is not None:
            reason = f"{action} waits until the emergency {emergency} has made room"
        elif run.until_below is not None:
            return True
        else:
            reason = self._refusal(run, action)
        if reason and reason != self._told.get(run.id):
            logger.warning("run %s: %s", run.id, reason)
            self._told[run.id] = reason
        return not reason

    def require(self, run: Run, step: Step) -> None:
        """Raise NotEnoughSpace where the step must not begin now: the disk filled up after its run began."""
        if reason := self._refusal(run, step.action):
            raise NotEnoughSpace(reason)

    def why_skipped(self, run: Run, position: int, step: Step) -> str | None:
        """Tell why a run that makes room passes this step over, None where it is to be carried out."""
        if run.dry_run:
            return None
        usage = self._usage_of(run) if low_water(run) is not None else None
        if not self._has_begun(run, position) and (reason := self._nothing_to_do(run, usage)):
            return reason
        if run.until_below is None:
            return None
        writes = needs_room(step.action)
        enough = usage is not None and usage.ratio < run.until_below
        if writes:
            return NO_ROOM if not enough or self._refusal(run, step.action) else None
        return ENOUGH if enough else None

    def _has_begun(self, run: Run, position: int) -> bool:
        """Return whether an earlier step of the run was carried out."""
        earlier = (self._ledger.step(run.id, one).state for one in range(position))
        return any(state is not StepState.SKIPPED for state in earlier)

    def _nothing_to_do(self, run: Run, usage: Usage | None) -> str:
        if run.trigger is not Trigger.ALERT:
            return ""
        return nothing_to_free(run, usage) or backups_are_fresh(run, config=self._config, now=self._now)

    def shortfall(self, run: Run) -> str:
        """Give the sentence that tells how a run that makes room has not made enough, ``""`` where it has."""
        if run.until_below is None or run.dry_run:
            return ""
        usage = self._usage_of(run)
        if usage is None or usage.ratio < run.until_below:
            return ""
        return (
            f"{run.resource} is still {usage.ratio:.1%} full, not below {run.until_below:.0%}:"
            " nothing is left that this playbook may remove, so a person must make room"
            " (storekeeper find_large_files shows what takes it)"
        )

    def _refusal(self, run: Run, action: str) -> str:
        if run.trigger not in _AUTOMATIC or run.dry_run:
            return ""
        try:
            return full_disk(action, config=self._config, usage=self._usage)
        except OSError as error:
            logger.warning("the disk that %s writes to cannot be read: %s", action, error)
            return ""

    def _usage_of(self, run: Run) -> Usage | None:
        try:
            return self._usage.read(parse_resource(run.resource))
        except (StorekeeperError, OSError) as error:
            logger.warning("run %s: the usage of %s cannot be read: %s", run.id, run.resource, error)
            return None
