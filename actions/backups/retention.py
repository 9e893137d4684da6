"""
Which backups stay: so many daily, weekly and monthly ones, as restic counts them.

The newest of each day is that day's; only days (ISO weeks, months) that have a backup count, so a pause
empties nothing. While a rule has room left it also keeps the oldest one. The rules are joined by *or*.
"""

import datetime as dt
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final

from storekeeper.config import Retention


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One backup as retention sees it. ``created`` is in the time zone whose days are counted."""

    name: str
    created: dt.datetime
    verified: bool
    number: int = 0
    """The order in which they were made; 0 where it is not known."""

    @property
    def moment(self) -> float:
        """
        Return when it was made, in seconds since 1970.

        Times of one zone are compared by their wall clock, which shows an hour twice in autumn.
        """
        return self.created.timestamp()


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A backup and why it stays; without a reason it goes."""

    name: str
    reasons: tuple[str, ...]

    @property
    def keep(self) -> bool:
        """Tell whether it stays."""
        return bool(self.reasons)


_PERIODS: Final[tuple[tuple[str, Callable[[dt.datetime], Hashable]], ...]] = (
    ("daily", lambda moment: moment.date()),
    ("weekly", lambda moment: moment.isocalendar()[:2]),
    ("monthly", lambda moment: (moment.year, moment.month)),
)


def decide(candidates: Sequence[Candidate], *, keep: Retention, now: dt.datetime) -> list[Decision]:
    """
    Decide for each candidate of one series (one database in one format), the newest first.

    Only verified backups fill a rule. The newest verified one always stays, also the one that was made last
    where a clock that went back tells another to be newest. So does one from the future (a clock was wrong,
    and nobody knows which) and an unverified one that is newer than the newest verified: it may still be
    proved. Any other unverified one goes.
    """
    ordered = sorted(candidates, key=lambda one: (one.moment, one.name), reverse=True)
    reasons: dict[str, list[str]] = {one.name: [] for one in ordered}
    past = [one for one in ordered if one.moment <= now.timestamp()]
    for one in ordered:
        if one.moment > now.timestamp():
            reasons[one.name].append("from the future")
    verified = [one for one in past if one.verified]
    if verified:
        reasons[verified[0].name].append("newest verified")
        last = max((one for one in ordered if one.verified), key=lambda one: one.number)
        if last.number > verified[0].number:
            reasons[last.name].append("made last")
    for one in past:
        if not one.verified and (not verified or one.moment > verified[0].moment):
            reasons[one.name].append("not verified yet")
    for period, bucket_of in _PERIODS:
        for name, why in _fill(verified, period, count=getattr(keep, period), bucket_of=bucket_of):
            reasons[name].append(why)
    return [Decision(name=one.name, reasons=tuple(reasons[one.name])) for one in ordered]


def _fill(
    verified: Sequence[Candidate],
    period: str,
    *,
    count: int,
    bucket_of: Callable[[dt.datetime], Hashable],
) -> list[tuple[str, str]]:
    """Give the names that one rule keeps, with the reason."""
    kept: list[tuple[str, str]] = []
    last: Hashable = None
    for one in verified:
        if len(kept) == count:
            break
        bucket = bucket_of(one.created)
        if bucket != last:
            kept.append((one.name, f"{period} {len(kept) + 1} of {count}"))
            last = bucket
    if verified and len(kept) < count and verified[-1].name not in dict(kept):
        kept.append((verified[-1].name, f"oldest, {period}"))
    return kept
