"""The guide's four lists: which questions are asked how often."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from storekeeper.commands.checks import cleanliness, database, safety, space
from storekeeper.commands.checks.line import Answer, Check, Evidence, Line, State
from storekeeper.errors import StorekeeperError

LISTS: Final[Mapping[str, tuple[Check, ...]]] = MappingProxyType(
    {
        "daily": (
            Check(question="Errors in the logs?", answer=cleanliness.errors_in_logs),
            Check(question="Disks below 80 %?", answer=space.disks),
            Check(question="Database backed up and verified?", answer=safety.database_backup),
            Check(question="Runs that failed or wait?", answer=cleanliness.runs),
            Check(question="Everything measured?", answer=space.everything_measured),
        ),
        "weekly": (
            Check(question="Expired QR codes removed?", answer=cleanliness.qr_codes),
            Check(question="Storage within its limits?", answer=space.limits),
            Check(question="Everything measured?", answer=space.everything_measured),
            Check(question="Log files small?", answer=space.log_sizes),
            Check(question="Large files?", answer=space.large_files),
            Check(question="Media backed up?", answer=safety.media_backup),
            Check(question="Backups in another place?", answer=safety.offsite),
            Check(question="Backups undamaged?", answer=safety.damaged),
            Check(question="Anything left behind?", answer=cleanliness.leftovers),
        ),
        "monthly": (
            Check(question="Report written?", answer=cleanliness.report),
            Check(question="Old logs archived?", answer=cleanliness.log_rotation),
            Check(question="Backups kept as planned?", answer=safety.retention),
            Check(question="Orphaned files?", answer=cleanliness.orphans),
            Check(question="Growth since last month?", answer=space.growth),
        ),
        "quarterly": (
            Check(question="Database optimised?", answer=database.optimised),
            Check(question="Unused data?", answer=database.unused_data),
            Check(question="Restore tried?", answer=safety.restore_test),
            Check(question="Old backups removed?", answer=safety.retention),
            Check(question="Growth since last month?", answer=space.growth),
        ),
    }
)


def answer_all(checks: tuple[Check, ...], evidence: Evidence) -> list[Line]:
    """Answer each question; one that cannot be answered holds up no other."""
    return [Line(question=check.question, answer=_answered(check, evidence)) for check in checks]


def _answered(check: Check, evidence: Evidence) -> Answer:
    try:
        return check.answer(evidence)
    except StorekeeperError as error:
        return Answer(
            state=State.FAILED,
            measured=f"not measured: {error.message}",
            command=error.hint or "storekeeper storage_info",
        )
    except OSError as error:
        return Answer(
            state=State.FAILED, measured=f"not measured: {error}", command="storekeeper storage_info"
        )
