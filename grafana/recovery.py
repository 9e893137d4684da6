"""Could we come back, to when, and in how long? What the drills have shown."""

from typing import Final

from expressions import latest
from frame import Row
from panels import Bars, Query, Stat

DAY: Final = 86400
HOUR: Final = 3600

VERDICT: Final = "storekeeper_recovery_verdict"
LEGEND: Final = "{{verdict}} ({{shop}} {{instance}})"
SHOP_LEGEND: Final = "{{shop}} {{instance}}"


def _verdict(name: str, color: str) -> Query:
    newest = latest(VERDICT, f'verdict="{name}"', by=("verdict",))
    return Query(
        expression=f"{newest} == 1",
        legend=LEGEND,
        steps=((None, color),),
    )


RECOVERY_ROW: Final = Row(
    title="Could we come back, to when, in how long",
    panels=(
        Stat(
            title="Could we come back",
            description=(
                "The verdict of the newest drill, which restores the newest backups into a scratch place and "
                "checks them. A check that could not run makes it inconclusive."
            ),
            queries=(
                _verdict("verified", "green"),
                _verdict("inconclusive", "yellow"),
                _verdict("failed", "red"),
            ),
            unit="locale",
            width=6,
            height=6,
            runbooks=("RecoveryNotVerified",),
            empty="no drill yet",
        ),
        Stat(
            title="Last verified drill",
            description="How long ago a drill last brought the whole shop back. The alert starts at 40 days.",
            queries=(
                Query(
                    expression=f"time() - {latest('storekeeper_recovery_last_verified_timestamp_seconds')}",
                    legend=SHOP_LEGEND,
                ),
            ),
            unit="s",
            decimals=1,
            steps=((None, "green"), (40 * DAY, "red")),
            width=6,
            height=6,
            runbooks=("RecoveryNotVerified",),
            empty="none was verified",
        ),
        Stat(
            title="To when",
            description=(
                "How old the rows were that the newest drill brought back: what a loss of the machine "
                "would have cost."
            ),
            queries=(Query(expression=latest("storekeeper_recovery_age_seconds"), legend=SHOP_LEGEND),),
            unit="s",
            decimals=1,
            steps=((None, "green"), (26 * HOUR, "red")),
            width=6,
            height=6,
            empty="no drill yet",
        ),
        Bars(
            title="In how long",
            description="How long each stage of the newest drill took.",
            queries=(
                Query(
                    expression=latest("storekeeper_recovery_duration_seconds", by=("stage",)),
                    legend="{{stage}} ({{shop}} {{instance}})",
                ),
            ),
            unit="s",
            decimals=1,
            width=6,
            height=6,
            empty="no drill yet",
        ),
    ),
)
