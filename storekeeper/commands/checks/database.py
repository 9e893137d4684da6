"""Questions about the database: whether it answers, carries dead pages, or data that nobody needs."""

from actions.ledger.last_runs import last_success
from actions.optimization.unused_data import find_unused
from actions.scope import databases_of
from storekeeper.commands.checks.line import Answer, Evidence, failed, look, ok
from storekeeper.units import format_size

# The threshold of DatabaseNeedsOptimizing.
UNUSED_SHARE = 0.25
UNUSED_BYTES = 10_000_000
FINDINGS_SHOWN = 3


def optimised(evidence: Evidence) -> Answer:
    """Tell how much of each database a VACUUM would give back, and when the last one was."""
    told, due = [], False
    for database in evidence.measured.databases:
        if not database.up or not database.size_bytes:
            return failed(
                f"database {database.name}: {database.problem or 'no answer'}", "storekeeper storage_info"
            )
        unused = database.reclaimable_bytes or 0
        due = due or (unused > UNUSED_BYTES and unused > UNUSED_SHARE * database.size_bytes)
        told.append(
            f"{format_size(unused)} of {format_size(database.size_bytes)} in {database.name} are unused"
        )
    last = last_success(evidence.config, "optimize_database")
    told.append("never optimised" if last is None else f"optimised {evidence.age_days(last):.0f} days ago")
    return look(", ".join(told), "storekeeper optimize_database") if due else ok(", ".join(told))


def unused_data(evidence: Evidence) -> Answer:
    """Tell expired sessions, rows without their parents and indexes that no query uses."""
    found = [
        unused.text
        for database in databases_of(evidence.config, description=evidence.context.shop.describe())
        for unused in find_unused(database.address)
    ]
    if found:
        more = f" and {len(found) - FINDINGS_SHOWN} more" if len(found) > FINDINGS_SHOWN else ""
        return look(
            "; ".join(found[:FINDINGS_SHOWN]) + more, "storekeeper optimize_database --dry-run --json"
        )
    return ok("nothing")
