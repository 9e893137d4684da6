"""Questions about room: disks, limits, large files, growth."""

from collections.abc import Iterator

from storekeeper.commands.checks.line import Answer, Evidence, failed, look, ok
from storekeeper.commands.growth import sizes_month_ago
from storekeeper.units import format_size

# The guide's thresholds, as the alerts have them.
WARNING = 0.80
EMERGENCY = 0.95
# A part that grew by more than this share and size in a month is worth a look.
GROWTH_SHARE = 0.25
GROWTH_BYTES = 10_000_000
NAMES_SHOWN = 3


def disks(evidence: Evidence) -> Answer:
    """Tell whether each disk has a fifth of its room left, as df counts."""
    shares = [
        (disk.used_bytes / (disk.used_bytes + disk.available_bytes), disk.mountpoint)
        for disk in evidence.measured.disks
        if disk.used_bytes + disk.available_bytes
    ]
    if not shares:
        return failed("no disk could be measured", "storekeeper storage_info")
    told = ", ".join(
        f"{mountpoint} is {share:.1%} full" for share, mountpoint in sorted(shares, reverse=True)
    )
    if max(shares)[0] >= EMERGENCY:
        return failed(told, "storekeeper cleanup_expired_qr_codes --days=1; storekeeper find_large_files")
    if max(shares)[0] >= WARNING:
        return look(told, "storekeeper cleanup_expired_qr_codes; storekeeper find_large_files")
    return ok(told)


def limits(evidence: Evidence) -> Answer:
    """Tell whether databases, areas and all together stay below four fifths of their limits."""
    shares = sorted(_shares(evidence), reverse=True)
    if not shares:
        return look(
            "the config gives no limits", "add limit: to databases, areas and total in storekeeper.yml"
        )
    over = [f"{name} is {share:.0%} of its limit" for share, name in shares if share >= WARNING]
    if over:
        return look(", ".join(over), "storekeeper storage_info")
    return ok(f"the fullest is {shares[0][1]}, {shares[0][0]:.0%} of its limit")


def _shares(evidence: Evidence) -> Iterator[tuple[float, str]]:
    measured = evidence.measured
    for database in measured.databases:
        if database.limit_bytes and database.size_bytes is not None:
            yield database.size_bytes / database.limit_bytes, f"database {database.name}"
    for name, report in measured.areas.items():
        if report.limit_bytes and report.usage is not None:
            yield report.usage.size_bytes / report.limit_bytes, name
    if measured.total_limit_bytes and measured.total_size_bytes is not None:
        yield measured.total_size_bytes / measured.total_limit_bytes, "everything together"


def everything_measured(evidence: Evidence) -> Answer:
    """Tell what of the shop is neither measured nor backed up, such as uploads in an object store."""
    found = evidence.measured.not_measured
    if not found:
        return ok("every database and every folder of uploads")
    return look("; ".join(one.text for one in found), found[0].hint)


def log_sizes(evidence: Evidence) -> Answer:
    """Tell how large the logs are against their limit, and which is the largest."""
    logs = evidence.measured.logs
    size = sum(log.size_bytes for log in logs)
    area = evidence.measured.areas.get("logs")
    limit = area.limit_bytes if area else None
    told = f"{len(logs)} files, {format_size(size)}"
    if logs:
        told += f"; the largest is {logs[0].name}, {format_size(logs[0].size_bytes)}"
    if limit and size >= WARNING * limit:
        return look(f"{told}; the limit is {format_size(limit)}", "storekeeper rotate_logs --now")
    return ok(told)


def large_files(evidence: Evidence) -> Answer:
    """Tell whether any file is over the configured size."""
    over = format_size(evidence.config.large_files.over)
    found = evidence.measured.large_files
    if not found:
        return ok(f"no file is over {over}")
    names = ", ".join(
        f"{file.area}/{file.name} ({format_size(file.size_bytes)})" for file in found[:NAMES_SHOWN]
    )
    more = f" and {len(found) - NAMES_SHOWN} more" if len(found) > NAMES_SHOWN else ""
    return look(
        f"over {over}: {names}{more}", "storekeeper find_large_files; storekeeper optimize_images --dry-run"
    )


def growth(evidence: Evidence) -> Answer:
    """Compare every part with its size of a month ago, as Prometheus remembers it."""
    if evidence.config.prometheus is None:
        return look(
            "no Prometheus is configured, so nobody remembers last month",
            "storekeeper up runs one; or add prometheus: to storekeeper.yml",
        )
    before = sizes_month_ago(evidence.config)
    changes = [(now - before[name], name) for name, now in _sizes(evidence) if name in before]
    if not changes:
        return look("Prometheus does not remember a month yet", "storekeeper checklist --monthly in a month")
    told = ", ".join(
        f"{name} {'+' if change >= 0 else ''}{format_size(change)}"
        for change, name in sorted(changes, reverse=True)
    )
    grown = [
        name
        for change, name in changes
        if change > GROWTH_BYTES and change > GROWTH_SHARE * max(before[name], 1)
    ]
    return look(told, "storekeeper storage_info; storekeeper find_large_files") if grown else ok(told)


def _sizes(evidence: Evidence) -> Iterator[tuple[str, int]]:
    for database in evidence.measured.databases:
        if database.size_bytes is not None:
            yield f"database {database.name}", database.size_bytes
    for name, report in evidence.measured.areas.items():
        if report.usage is not None:
            yield name, report.usage.size_bytes
