"""Judge backups series by series: those of one kind, area, database and format compete for their places."""

import datetime as dt
from collections.abc import Collection, Iterable
from itertools import groupby

from actions.backups.files import in_time_zone
from actions.backups.retention import Candidate, Decision, decide
from storekeeper.backups import MEDIA, Manifest
from storekeeper.config import Retention


def judge(
    manifests: Iterable[Manifest],
    *,
    keep: Retention,
    media_keep: Retention | None = None,
    now: dt.datetime,
    time_zone: str,
    damaged: Collection[str] = (),
) -> dict[str, Decision]:
    """
    Give file name → decision; days are those of the named time zone, the shop's.

    ``media_keep`` is the retention of media where it is another one. ``damaged`` are the files that count as
    unverified, whatever their manifests say.
    """
    decisions: dict[str, Decision] = {}
    for (kind, *_), series in groupby(sorted(manifests, key=_series), key=_series):
        rule = media_keep if kind == MEDIA and media_keep is not None else keep
        candidates = [
            Candidate(
                name=one.file,
                created=in_time_zone(one.created, time_zone),
                verified=one.verified is not None and one.file not in damaged,
                number=one.number,
            )
            for one in series
        ]
        decisions |= {decision.name: decision for decision in decide(candidates, keep=rule, now=now)}
    return decisions


def _series(manifest: Manifest) -> tuple[str, str, str, str]:
    return manifest.kind, manifest.area, manifest.database, manifest.format
