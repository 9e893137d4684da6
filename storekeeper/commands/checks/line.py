"""One line of a checklist, and what the questions are answered from."""

import datetime as dt
import enum
from collections.abc import Callable
from dataclasses import dataclass

from actions.action import Context
from exporter.measure import Measurements
from storekeeper.config import Config


class State(enum.StrEnum):
    """The answer to a question."""

    OK = "ok"
    LOOK = "look"
    """A person should look, and perhaps type what stands beside it."""
    FAILED = "failed"
    """It is wrong, or could not be measured."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The state, what was measured, and what to type (empty where all is well)."""

    state: State
    measured: str
    command: str = ""


def ok(measured: str) -> Answer:
    """Give the answer that all is well."""
    return Answer(state=State.OK, measured=measured)


def look(measured: str, command: str) -> Answer:
    """Give the answer that a person should look."""
    return Answer(state=State.LOOK, measured=measured, command=command)


def failed(measured: str, command: str) -> Answer:
    """Give the answer that something is wrong."""
    return Answer(state=State.FAILED, measured=measured, command=command)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What was measured once for all questions; ``context`` is for the plans of actions, which only look."""

    config: Config
    measured: Measurements
    context: Context
    now: dt.datetime

    def age_days(self, moment: float) -> float:
        """Give the days since a moment in seconds since 1970."""
        return (self.now.timestamp() - moment) / 86400


@dataclass(frozen=True, kw_only=True)
class Check:
    """A question and how it is answered; raises StorekeeperError or OSError where it cannot be."""

    question: str
    answer: Callable[[Evidence], Answer]


@dataclass(frozen=True, kw_only=True)
class Line:
    """An answered question."""

    question: str
    answer: Answer
