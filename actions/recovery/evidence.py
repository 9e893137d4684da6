"""The evidence of a drill: a signed record that a program reads, and a page for people beside it."""

import datetime as dt
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actions.recovery.backup_set import BackupSet, moment_of
from actions.recovery.checks import Check, Verdict, verdict_of
from actions.recovery.evidence_page import page_of
from actions.recovery.signing import sign
from actions.recovery.stages import Stages
from storekeeper import __version__
from storekeeper.files import PartialFile
from storekeeper.measure.recovery import FOLDER, PREDICATE, STATEMENT, SUFFIX


@dataclass(kw_only=True)
class Evidence:
    """What a drill finds, as it goes on; ``planned`` are the checks that must all have run at its end."""

    shop: str
    host: str
    source: str
    offsite: bool
    started: dt.datetime
    planned: list[str]
    objectives: dict[str, float]
    stages: Stages = field(default_factory=Stages)
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    chosen: BackupSet | None = None
    rows: int = 0
    files: int = 0

    def add(self, name: str, verdict: Verdict, told: str) -> None:
        """Note how a check went."""
        self.checks.append(Check(name=name, verdict=verdict, told=told))

    @property
    def verdict(self) -> Verdict:
        """Return the verdict of all checks."""
        return verdict_of(self.checks, planned=self.planned)

    @property
    def age_seconds(self) -> float | None:
        """Return how old the rows were when the drill began, None where there are none."""
        return None if self.chosen is None else (self.started - self.chosen.moment).total_seconds()

    def record(self, *, finished: dt.datetime) -> dict[str, Any]:
        """Return the record; it holds no row and no password."""
        ran = {check.name for check in self.checks}
        not_run = [
            Check(name=name, verdict=Verdict.INCONCLUSIVE, told="it did not run")
            for name in self.planned
            if name not in ran
        ]
        return {
            "version": __version__,
            "shop": self.shop,
            "host": self.host,
            "source": self.source,
            "offsite": self.offsite,
            "started": self.started.isoformat(),
            "finished": finished.isoformat(),
            "verdict": self.verdict.value,
            "moment": self.chosen.moment.isoformat() if self.chosen else None,
            "age_seconds": self.age_seconds,
            "duration_seconds": round(self.stages.total_seconds, 3),
            "stages": {name: round(seconds, 3) for name, seconds in self.stages.seconds.items()},
            "objectives": self.objectives,
            "rows": self.rows,
            "files": self.files,
            "checks": [check.as_json() for check in (*self.checks, *not_run)],
            "notes": self.notes,
            "backups": [
                {
                    "file": one.file,
                    "of": one.database or one.area,
                    "moment": moment_of(one).isoformat(),
                    "size_bytes": one.size_bytes,
                    "verified": one.verified.isoformat() if one.verified else None,
                }
                for one in (self.chosen.all if self.chosen else ())
            ],
        }

    def statement(self, record: dict[str, Any]) -> bytes:
        """Return the in-toto statement about the backups: what a signature is made for."""
        subject = [
            {"name": one.file, "digest": {"sha256": one.sha256}}
            for one in (self.chosen.all if self.chosen else ())
        ]
        said = {"_type": STATEMENT, "subject": subject, "predicateType": PREDICATE, "predicate": record}
        return json.dumps(said, indent=1, ensure_ascii=True, sort_keys=True).encode("ascii")


def keep(evidence: Evidence, *, state: Path, finished: dt.datetime) -> tuple[Path, dict[str, Any]]:
    """Write the signed record and the page beside it, each whole; return the path and the record."""
    folder = state / FOLDER
    record = evidence.record(finished=finished)
    envelope = sign(evidence.statement(record), folder=folder)
    stem = f"drill_{finished.astimezone(dt.UTC):%Y%m%d_%H%M%S}"
    number, path = 1, folder / f"{stem}{SUFFIX}"
    while path.exists():
        number += 1
        path = folder / f"{stem}_{number}{SUFFIX}"
    with PartialFile(path) as file:
        file.stream.write(json.dumps(envelope, indent=1).encode("ascii") + b"\n")
        file.finish()
    page = path.with_name(path.name.removesuffix(SUFFIX) + ".html")
    with PartialFile(page) as file:
        file.stream.write(page_of(record, evidence_file=path.name).encode("utf-8", "backslashreplace"))
        file.finish(replace=True)
    return path, record
