"""What was checked of a recovered shop, and how it went."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """How a check went: what could not run has not passed, and has not shown anything to be wrong either."""

    VERIFIED = "verified"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check with its verdict, and what was found, for a person."""

    name: str
    verdict: Verdict
    told: str

    def as_json(self) -> dict[str, Any]:
        """Return it for the record."""
        return {"name": self.name, "verdict": self.verdict.value, "told": self.told}


def verdict_of(checks: list[Check], *, planned: list[str]) -> Verdict:
    """Return the verdict of all: one that failed decides, and then one that did not run or has no answer."""
    verdicts = {check.name: check.verdict for check in checks}
    found = [verdicts.get(name, Verdict.INCONCLUSIVE) for name in {*planned, *verdicts}]
    for worst in (Verdict.FAILED, Verdict.INCONCLUSIVE):
        if worst in found:
            return worst
    return Verdict.VERIFIED if found else Verdict.INCONCLUSIVE
