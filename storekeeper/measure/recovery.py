"""The records of drills as they lie in the state folder: what the last ones have shown."""

import base64
import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

FOLDER: Final = "recovery"
"""Below the state folder."""
SUFFIX: Final = ".dsse.json"
VERDICTS: Final = ("verified", "failed", "inconclusive")
STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://github.com/storekeeper/storekeeper/recovery-drill/v1"
_RECORD_BYTES: Final = 16 << 20


@dataclass(frozen=True, kw_only=True)
class Drill:
    """
    What one drill has shown; moments in seconds since 1970.

    ``age_seconds`` is how old the restored rows were when it began, None where none were restored.
    ``predicate`` is the whole record.
    """

    path: Path
    finished: float
    verdict: str
    age_seconds: float | None
    durations: Mapping[str, float]
    predicate: Mapping[str, Any] = field(repr=False)


def read_drills(state: Path) -> tuple[Drill, ...]:
    """Return the drills whose records can be read, the oldest first."""
    found = [read_drill(path) for path in (state / FOLDER).glob(f"*{SUFFIX}")]
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.finished))


def read_drill(path: Path) -> Drill | None:
    """Return what a record says, None for a file that is none."""
    try:
        with path.open("rb") as stream:
            envelope = json.loads(stream.read(_RECORD_BYTES))
        statement = json.loads(base64.b64decode(envelope["payload"]))
        if statement["predicateType"] != PREDICATE:
            return None
        record = statement["predicate"]
        verdict = str(record["verdict"])
        age = record.get("age_seconds")
        return Drill(
            path=path,
            finished=dt.datetime.fromisoformat(record["finished"]).timestamp(),
            verdict=verdict if verdict in VERDICTS else "inconclusive",
            age_seconds=None if age is None else float(age),
            durations={str(name): float(value) for name, value in record["stages"].items()},
            predicate=record,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
