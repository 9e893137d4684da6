"""
Archives from before they were marked: the history of runs says which of them storekeeper made.

A run notes the archives that it wrote. A file of that name that was last written while that run was at work
is what it wrote; anything else of that name is not known to be.
"""

from collections.abc import Mapping
from typing import Final

from actions.ledger.file import LedgerUnavailable
from actions.ledger.last_runs import all_details
from storekeeper.config import Config

_ACTION: Final = "rotate_logs"
_LEEWAY_SECONDS: Final = 1.0

Spans = Mapping[str, list[tuple[float, float]]]


def archives_of_earlier_runs(config: Config) -> Spans:
    """Return when runs wrote each archive, by ``AREA/FOLDER/NAME``; nothing where the history is lost."""
    spans: dict[str, list[tuple[float, float]]] = {}
    try:
        runs = all_details(config, _ACTION)
    except LedgerUnavailable:
        return {}
    for begin, end, details in runs:
        for one in details.get("rotated", ()):
            if one.get("cut_bytes"):
                spans.setdefault(f"{one['area']}/{one['archive']}", []).append((begin, end))
    return spans


def was_made(archive: str, *, spans: Spans, modified: float) -> bool:
    """Return whether a run made the archive that was last written then, in seconds since 1970."""
    return any(
        begin - _LEEWAY_SECONDS <= modified <= end + _LEEWAY_SECONDS for begin, end in spans.get(archive, ())
    )
