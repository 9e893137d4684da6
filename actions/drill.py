"""
Rehearse the worst day: restore the newest set of backups into a scratch place and look whether all is there.

From the copies off this machine, where there are any. The shop's own data are not touched.
"""

import datetime as dt
import time
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from actions.action import Context, Outcome
from actions.offsite.place import OffsitePlace, redacted
from actions.recovery.backup_set import BackupSet, NoWholeSet, moment_of
from actions.recovery.checks import Verdict
from actions.recovery.drill_run import SET, DrillRun, planned_checks
from actions.recovery.evidence import Evidence, keep
from actions.recovery.whole_shop import default_place, kept_databases, set_of
from actions.scope import Database
from storekeeper.config import Config
from storekeeper.config.fields import BackupPlace, IdentityFile, Model, Moment
from storekeeper.encryption import read_identities
from storekeeper.errors import StorekeeperError
from storekeeper.units import Age, format_length, format_size


class DrillNotPassed(StorekeeperError):
    """A drill has shown that the shop would not come back whole, or could not show that it would."""

    def __init__(self, message: str, *, record: dict[str, Any], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.record = record


class DrillOptions(Model):
    """Where the backups come from."""

    from_: BackupPlace | None = Field(
        default=None,
        description="URL or folder of the backups; default: the first of backups.offsite, else backups.path.",
    )
    at: Moment | None = Field(
        default=None, description="Take nothing that was made after this moment, such as '2026-03-01 04:00'."
    )
    identity: IdentityFile | None = Field(
        default=None,
        description="File with the identity that decrypts copies; default: recovery.identity_file, else"
        " $STOREKEEPER_IDENTITY_FILE.",
    )
    unverified: bool = Field(default=False, description="Take backups that were never verified, too.")


@dataclass(frozen=True, kw_only=True)
class DrillPlan:
    """The set that would be restored, or why there is none."""

    place: str
    offsite: bool
    databases: tuple[Database, ...] = ()
    chosen: BackupSet | None = None
    problem: StorekeeperError | None = None
    seconds: float = 0.0
    there: OffsitePlace | None = field(default=None, repr=False)
    url: str = field(default="", repr=False)
    description: Any = field(default=None, repr=False)

    @property
    def summary(self) -> str:
        """Say what would be restored."""
        where = "" if self.offsite else " (backups of this machine: no place off it is configured)"
        if self.chosen is None:
            return f"would fail: {self.problem.message if self.problem else 'there is no set'}{where}"
        text = (
            f"would restore {len(self.chosen.all)} backups ({format_size(self.chosen.size_bytes)}) of"
            f" {self.chosen.moment.astimezone():%Y-%m-%d %H:%M} from {self.place}{where} into a scratch place"
        )
        return "; ".join([text, *self.chosen.notes])

    @property
    def empty(self) -> bool:
        """A drill is never needless."""
        return False

    def rows(self) -> list[tuple[str, ...]]:
        """Return one row per backup."""
        found = self.chosen.all if self.chosen else ()
        return [
            ("backup", "of", "moment", "size"),
            *(
                (
                    one.file,
                    one.database or one.area,
                    f"{moment_of(one).astimezone():%Y-%m-%d %H:%M}",
                    format_size(one.size_bytes),
                )
                for one in found
            ),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return the plan for a script."""
        return {
            "from": self.place,
            "offsite": self.offsite,
            "backups": [one.file for one in (self.chosen.all if self.chosen else ())],
            "moment": self.chosen.moment.isoformat() if self.chosen else None,
            "notes": list(self.chosen.notes) if self.chosen else [],
            "problem": self.problem.message if self.problem else "",
        }


class Drill:
    """The action ``drill``."""

    name = "drill"
    summary = (
        "Rehearse a recovery: restore the newest set into a scratch place, check it, sign what was found."
    )
    Options: type[Model] = DrillOptions

    def resources(self, config: Config, options: DrillOptions) -> tuple[str, ...]:
        """Lock trial restores: backups may be made meanwhile."""
        return ("trial-restore",)

    def plan(self, context: Context, options: DrillOptions) -> DrillPlan:
        """Find the set; that there is none is what a drill shows, and no error here."""
        place, offsite = (str(options.from_), True) if options.from_ else default_place(context.config)
        shown = redacted(place)
        began = time.monotonic()
        description = context.shop.describe()
        databases = tuple(kept_databases(context, description))
        try:
            there = OffsitePlace(place)
            chosen = set_of(
                context,
                there,
                description=description,
                databases=databases,
                at=options.at,
                unverified=options.unverified,
            )
        except StorekeeperError as error:
            return DrillPlan(place=shown, offsite=offsite, databases=databases, problem=error)
        return DrillPlan(
            place=shown,
            offsite=offsite,
            databases=databases,
            chosen=chosen,
            seconds=time.monotonic() - began,
            there=there,
            url=place,
            description=description,
        )

    def perform(self, context: Context, options: DrillOptions, plan: DrillPlan) -> Outcome:
        """Restore, check, and write the evidence in any case; raises DrillNotPassed unless it is verified."""
        evidence = self._evidence(context, plan)
        if plan.chosen is None or plan.there is None:
            assert plan.problem is not None
            failed = isinstance(plan.problem, NoWholeSet)
            evidence.add(SET, Verdict.FAILED if failed else Verdict.INCONCLUSIVE, str(plan.problem))
        else:
            evidence.stages.seconds["find"] = plan.seconds
            evidence.add(SET, Verdict.VERIFIED, f"{len(plan.chosen.all)} backups fit together")
            evidence.notes += plan.chosen.notes
            run = DrillRun(
                context,
                place=plan.there,
                url=plan.url,
                identities=read_identities(options.identity or context.config.recovery.identity_file),
                databases=plan.databases,
                description=plan.description,
                evidence=evidence,
            )
            run.perform(plan.chosen)
        path, record = keep(evidence, state=context.config.state, finished=context.now())
        told = told_of(record)
        if evidence.verdict is not Verdict.VERIFIED:
            raise DrillNotPassed(
                f"{told}; evidence: {path}", record=record, hint="storekeeper drill --history"
            )
        return Outcome(
            summary=f"{told}; evidence: {path}",
            changed=1,
            details={"verdict": record["verdict"], "evidence": str(path), "record": record},
        )

    def _evidence(self, context: Context, plan: DrillPlan) -> Evidence:
        recovery = context.config.recovery
        now = context.now()
        notes = (
            []
            if plan.offsite
            else ["no place off this machine is configured: these backups are lost with it"]
        )
        return Evidence(
            shop=context.config.shop,
            host=context.config.host,
            source=plan.place,
            offsite=plan.offsite,
            started=now,
            planned=planned_checks(
                context,
                databases=plan.databases,
                areas=[one.area for one in (plan.chosen.areas if plan.chosen else ())],
            ),
            objectives={
                "rto_seconds": _seconds(recovery.rto, now=now),
                "rpo_seconds": _seconds(recovery.rpo, now=now),
            },
            notes=notes,
            chosen=plan.chosen,
        )


def told_of(record: dict[str, Any]) -> str:
    """Say in one sentence what a record says."""
    bad = [check for check in record["checks"] if check["verdict"] != Verdict.VERIFIED]
    age = record["age_seconds"]
    text = f"drill of {record['source']}: {record['verdict']}"
    if age is not None:
        text += (
            f"; {record['rows']} rows and {record['files']} files, {format_length(age)} old, were back in"
            f" {record['duration_seconds']:.1f} s"
        )
    return "; ".join([text, *(f"{one['name']}: {one['told']}" for one in bad), *record["notes"]])


def _seconds(age: Age, *, now: dt.datetime) -> float:
    return (now - age.before(now)).total_seconds()
