"""Could the shop come back: what the drills have shown, as their records on disk say."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily

from exporter.collectors.collector import Collected
from exporter.sources import Sources
from storekeeper.measure.recovery import VERDICTS, Drill, read_drills

# The action that rehearses, in the config's ``schedule``.
_ACTION = "drill"


class RecoveryCollector:
    """Expose when a drill was last verified, and how the newest went: its verdict, stages and age of rows."""

    name = "recovery"
    waits = True
    jobs = ()

    def __init__(self, sources: Sources) -> None:
        self._config = sources.config

    def collect(self) -> Collected:
        """Read the records; a shop that rehearses nothing, and has no record, is not shown."""
        drills = read_drills(self._config.state)
        rehearses = bool(self._config.databases) and self._config.schedule.get(_ACTION, "") is not None
        if not (drills or rehearses):
            return Collected()
        return Collected(families=tuple(families_of(drills)))


def families_of(drills: Sequence[Drill]) -> Iterator[GaugeMetricFamily]:
    """Yield the families for drills in the order of their age; without any, each verdict is 0."""
    newest = drills[-1] if drills else None
    verdict = GaugeMetricFamily(
        "storekeeper_recovery_verdict",
        "1 for the verdict of the newest drill: verified, failed or inconclusive; all 0 before the first.",
        labels=("verdict",),
    )
    for name in VERDICTS:
        verdict.add_metric((name,), float(newest is not None and newest.verdict == name))
    verified = GaugeMetricFamily(
        "storekeeper_recovery_last_verified_timestamp_seconds",
        "When a drill last showed that the whole shop comes back, in seconds since 1970.",
    )
    moments = [one.finished for one in drills if one.verdict == "verified"]
    if moments:
        verified.add_metric((), moments[-1])
    duration = GaugeMetricFamily(
        "storekeeper_recovery_duration_seconds",
        "How long each stage of the newest drill took; their sum is the recovery time.",
        labels=("stage",),
    )
    age = GaugeMetricFamily(
        "storekeeper_recovery_age_seconds",
        "How old the rows were that the newest drill brought back: the recovery point.",
    )
    if newest is not None:
        for stage, seconds in newest.durations.items():
            duration.add_metric((stage,), seconds)
        if newest.age_seconds is not None:
            age.add_metric((), newest.age_seconds)
    yield from (verdict, verified, duration, age)
