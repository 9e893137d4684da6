"""Questions about what should have been cleaned: codes, orphans, logs, leftovers, failed runs."""

import datetime as dt
from zoneinfo import ZoneInfo

from actions.cleanup_expired_qr_codes import CleanupExpiredQrCodes, CleanupExpiredQrCodesOptions
from actions.cleanup_orphaned_media import CleanupOrphanedMedia, CleanupOrphanedMediaOptions
from actions.ledger.last_runs import failed_since, last_success, waiting_runs
from actions.leftovers import find_leftovers
from actions.rotate_logs import RotateLogs, RotateLogsOptions
from exporter.collectors.log_messages import is_log
from exporter.recent_errors import errors_since
from storekeeper.commands.checks.line import Answer, Evidence, failed, look, ok
from storekeeper.errors import ShopError
from storekeeper.measure.areas import LOGS
from storekeeper.units import format_size

REPORT_DAYS = 32.0
NAMES_SHOWN = 3


def errors_in_logs(evidence: Evidence) -> Answer:
    """Count the errors that the shop's logs have told since yesterday."""
    area = evidence.config.areas.get(LOGS)
    if area is None:
        return look("the config names no area logs", "add logs: to areas: in storekeeper.yml")
    since = (evidence.now - dt.timedelta(days=1)).timestamp()
    zone = _zone(evidence)
    logs = [log.name for log in evidence.measured.logs if is_log(log.name)]
    counts = {name: errors_since(area.path / name, since=since, zone=zone) for name in logs}
    found = [f"{count} in {name}" for name, count in counts.items() if count]
    if found:
        return look(
            f"since yesterday: {', '.join(found)}", f"grep -E 'ERROR|CRITICAL' {area.path}/*.log | tail"
        )
    return ok(f"none in {len(logs)} logs since yesterday")


def _zone(evidence: Evidence) -> ZoneInfo | None:
    try:
        name = evidence.context.shop.describe().time_zone
    except ShopError:
        # A shop that does not start has logs all the same; its lines are read in this machine's time.
        return None
    return ZoneInfo(name) if name else None


def runs(evidence: Evidence) -> Answer:
    """Tell whether a run has failed since yesterday or waits for a person."""
    waiting = waiting_runs(evidence.config)
    if waiting:
        return look(f"{len(waiting)} wait for a person", f"storekeeper runs {waiting[0]}")
    broken = failed_since(evidence.config, evidence.now.timestamp() - 86400)
    if broken:
        return failed(f"{len(broken)} have failed since yesterday", f"storekeeper runs {broken[0]}")
    return ok("none has failed since yesterday, none waits")


def qr_codes(evidence: Evidence) -> Answer:
    """Tell which QR code images the cleanup would remove now."""
    if not evidence.config.qr_codes:
        return ok("the config names no QR codes")
    plan = CleanupExpiredQrCodes().plan(evidence.context, CleanupExpiredQrCodesOptions())
    if plan.empty:
        return ok("nothing has expired longer ago than it is kept")
    return look(
        f"{plan.file_count} files ({format_size(plan.size_bytes)}) expired longer ago than they are kept",
        "storekeeper cleanup_expired_qr_codes",
    )


def orphans(evidence: Evidence) -> Answer:
    """Tell which media files no row names, longer than an upload takes."""
    area = CleanupOrphanedMediaOptions().area
    if area not in evidence.config.areas:
        return ok(f"the config names no area {area}")
    plan = CleanupOrphanedMedia().plan(evidence.context, CleanupOrphanedMediaOptions())
    if plan.empty:
        return ok("every file has its row")
    return look(plan.summary, "storekeeper cleanup_orphaned_media --dry-run")


def log_rotation(evidence: Evidence) -> Answer:
    """Tell whether lines of past months are still in the logs, or archives are past their time."""
    plan = RotateLogs().plan(evidence.context, RotateLogsOptions())
    return ok("no log is due") if plan.empty else look(plan.summary, "storekeeper rotate_logs")


def leftovers(evidence: Evidence) -> Answer:
    """Tell what killed runs have left, and what waits in quarantine."""
    found = find_leftovers(evidence.config, now=evidence.now)
    told = [f"{one.kind}: {one.files} files, {format_size(one.size_bytes)} in {one.place}" for one in found]
    stray = [text for text, one in zip(told, found, strict=True) if one.stray]
    if stray:
        return look("; ".join(stray[:NAMES_SHOWN]), f"ls -la {next(one.place for one in found if one.stray)}")
    return ok("; ".join(told[:NAMES_SHOWN]) or "nothing")


def report(evidence: Evidence) -> Answer:
    """Tell when the monthly report was last written by the receiver."""
    last = last_success(evidence.config, "report_storage")
    if last is None or evidence.age_days(last) > REPORT_DAYS:
        told = "never" if last is None else f"{evidence.age_days(last):.0f} days ago"
        return look(f"last written: {told}", "storekeeper report_storage")
    return ok(f"written {evidence.age_days(last):.0f} days ago")
